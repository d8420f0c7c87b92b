/* Parcels: messages on their way to the broker, with what they settle. */
#include "parcel.h"

#include "meters.h"
#include "refusal.h"

#include <byoc/log.h>

static struct parcel *add(struct worker *worker)
{
	struct parcels *parcels = &worker->to_publish;
	struct parcel *parcel = memory_new(sizeof *parcel);

	parcel->began_ms = worker->now_ms;
	/* One for being here: nothing is settled before all has been sent. */
	parcel->unconfirmed = 1;
	if (parcels->last)
		parcels->last->next = parcel;
	else
		parcels->first = parcel;
	parcels->last = parcel;
	parcels->count++;
	return parcel;
}

void parcel_rows(struct worker *worker, const struct transaction *transaction,
	struct flights *flights)
{
	struct parcel *parcel = add(worker);

	if (transaction) {
		parcel->arena = arena_new();
		transaction_outbox(transaction, parcel->arena, &parcel->rows);
	}
	flights_move(&parcel->flights, flights);
}

void parcel_forward(
	struct worker *worker, struct flight *flight, const char *queue)
{
	struct parcel *parcel = add(worker);

	parcel->queue = queue;
	flights_add(&parcel->flights, flight);
}

void parcel_come_back(struct worker *worker, struct flight *flight, int wait_ms)
{
	int actual_ms;

	parcel_forward(worker, flight, broker_wait_queue(wait_ms, &actual_ms));
}

bool parcel_come_back_sooner(
	struct worker *worker, struct flight *flight, int wait_ms)
{
	const char *queue = broker_wait_queue_within(wait_ms);

	if (queue)
		parcel_forward(worker, flight, queue);
	return queue;
}

void parcel_dead_letter(
	struct worker *worker, struct flight *flight, const struct err *reason)
{
	meters_job(worker, flight, "dead_lettered");
	log_event(LOG_WARN, "job.dead_lettered",
		log_text("job", flight->job.id[0]
					? flight->job.id
					: flight->delivery->message_id),
		LOG_ERR(reason), LOG_END);
	parcel_forward(worker, flight, BROKER_DEAD);
	struct parcel *parcel = worker->to_publish.last;
	parcel->reason = *reason;
	parcel->arena = arena_new();
	parcel->refusal = refusal_event(parcel->arena, flight, reason);
}

void parcel_unknown_record(struct worker *worker, struct flight *flight)
{
	struct err err = {0};

	err_set(&err, ERR_BAD_INPUT, "unknown_record",
		"there is no %s with the id %s",
		job_is_of_credential(&flight->job) ? "credential" : "cluster",
		flight->job.subject);
	parcel_dead_letter(worker, flight, &err);
}
