/*
 * Publishing: a message that was confirmed is deleted from the outbox; one that
 * was not stays there for the relay. A flight is acknowledged when all that was
 * published with it has been answered: what it did is in the database by then,
 * with every message that tells of it.
 */
#include "worker.h"

#include <byoc/log.h>
#include <stdlib.h>
#include <string.h>

static bool is_event(const char *exchange)
{
	return strcmp(exchange, BROKER_EVENTS) == 0;
}

static void land(struct worker *worker, struct flight *flight, bool give_back)
{
	struct err err = {0};
	uint64_t tag = flight->delivery->tag;

	/* After a new connection the broker delivers it again by itself. */
	if (worker->broker && flight->link == worker->link &&
		!(give_back ? broker_return(worker->broker, tag, &err)
			    : broker_ack(worker->broker, tag, &err)))
		links_lose_broker(worker, &err);
	worker->flight_count--;
	flight_free(flight);
}

static void settle_batch(struct worker *worker, struct batch *batch)
{
	for (struct flight *f; (f = flights_take(&batch->flights));)
		land(worker, f, batch->refused);
	free(batch);
}

static struct ticket *ticket_at(struct worker *worker, uint64_t number)
{
	return &worker->tickets[number & (worker->tickets_room - 1)];
}

static void widen_ring(struct worker *worker)
{
	size_t room = worker->tickets_room ? worker->tickets_room * 2 : 1024;
	struct ticket *wider = memory_new(room * sizeof *wider);

	for (uint64_t n = worker->tickets_first; n < worker->tickets_end; n++)
		wider[n & (room - 1)] = *ticket_at(worker, n);
	free(worker->tickets);
	worker->tickets = wider;
	worker->tickets_room = room;
}

static void note_ticket(struct worker *worker, uint64_t number,
	int64_t outbox_id, struct batch *batch)
{
	if (worker->tickets_first == worker->tickets_end)
		worker->tickets_first = worker->tickets_end = number;
	while (number - worker->tickets_first >= worker->tickets_room)
		widen_ring(worker);
	worker->tickets_end = number + 1;
	*ticket_at(worker, number) =
		(struct ticket){.outbox_id = outbox_id, .batch = batch};
	batch->unconfirmed++;
}

static bool send(struct worker *worker, const struct message *message,
	int64_t outbox_id, struct batch *batch)
{
	struct err err = {0};
	uint64_t number;

	if (!worker->broker)
		return false;
	if (broker_publish(worker->broker, message, &number, &err)) {
		worker_count(worker, COUNT_PUBLISHED);
		note_ticket(worker, number, outbox_id, batch);
		return true;
	}
	links_lose_broker(worker, &err);
	return false;
}

/* Messages and acknowledgements of a batch leave together. */
static void hold(struct worker *worker, bool on)
{
	if (worker->broker)
		broker_hold(worker->broker, on);
}

void publish_rows(struct worker *worker, const struct outbox *rows,
	struct flights *flights)
{
	struct batch *batch = memory_new(sizeof *batch);

	/* Held while publishing: losing the broker settles what it holds. */
	batch->unconfirmed = 1;
	hold(worker, true);
	for (size_t i = 0; i < rows->count; i++) {
		const struct outbox_row *row = &rows->rows[i];
		bool event = is_event(row->exchange);
		const struct message message = {
			.exchange = row->exchange,
			.routing_key = row->routing_key,
			.body = row->body,
			.size = strlen(row->body),
			.message_id = row->message_id,
			.type = row->type,
			.content_type = event ? "application/cloudevents+json; "
						"charset=utf-8"
					      : "application/json",
			.traceparent = row->traceparent,
			.mandatory = !event, /* nobody has to listen */
		};
		if (!send(worker, &message, row->id, batch))
			break;
	}
	flights_move(&batch->flights, flights);
	if (--batch->unconfirmed == 0)
		settle_batch(worker, batch);
	hold(worker, false);
}

void publish_forward(struct worker *worker, struct flight *flight,
	const char *queue, const struct err *reason)
{
	const struct delivery *delivery = flight->delivery;
	struct batch *batch = memory_new(sizeof *batch);
	const struct message message = {
		.exchange = "",
		.routing_key = queue,
		.body = delivery->body,
		.size = delivery->size <= DELIVERY_BODY_MAX ? delivery->size
							    : 0,
		.message_id = delivery->message_id,
		.content_type = "application/json",
		.traceparent = delivery->traceparent,
		.reason_code = reason ? reason->code : NULL,
		.reason = reason ? reason->text : NULL,
		.mandatory = true,
	};

	batch->unconfirmed = 1;
	batch->refused = !send(worker, &message, 0, batch);
	flights_add(&batch->flights, flight);
	if (--batch->unconfirmed == 0)
		settle_batch(worker, batch);
}

static void forget_row(struct worker *worker, int64_t outbox_id)
{
	if (worker->published_count == worker->published_room) {
		worker->published_room = worker->published_room
						 ? worker->published_room * 2
						 : 1024;
		worker->published = memory_resize(worker->published,
			worker->published_room, sizeof *worker->published);
	}
	worker->published[worker->published_count++] = outbox_id;
}

static void answer(
	struct worker *worker, struct ticket *ticket, enum confirm_kind kind)
{
	struct batch *batch = ticket->batch;
	bool taken = kind == CONFIRM_TAKEN;

	if (!batch)
		return;
	if (!taken) {
		worker_count(worker, COUNT_PUBLISH_REFUSED);
		log_event(LOG_WARN, "publish.refused",
			log_text("why", kind == CONFIRM_RETURNED
						? "no queue takes it"
						: "negative acknowledgement"),
			log_i64("outbox", ticket->outbox_id), LOG_END);
	}
	if (ticket->outbox_id && taken)
		forget_row(worker, ticket->outbox_id);
	else if (!ticket->outbox_id && !taken)
		batch->refused = true;
	*ticket = (struct ticket){0};
	if (--batch->unconfirmed == 0)
		settle_batch(worker, batch);
}

static void drop_answered(struct worker *worker)
{
	while (worker->tickets_first < worker->tickets_end &&
		!ticket_at(worker, worker->tickets_first)->batch)
		worker->tickets_first++;
}

void publish_confirm(struct worker *worker)
{
	struct confirm confirm;

	hold(worker, true);
	while (worker->broker &&
		broker_next_confirm(worker->broker, &confirm)) {
		if (confirm.ticket < worker->tickets_first ||
			confirm.ticket >= worker->tickets_end)
			continue;
		answer(worker, ticket_at(worker, confirm.ticket), confirm.kind);
	}
	hold(worker, false);
	drop_answered(worker);
}

void publish_forget(struct worker *worker)
{
	for (uint64_t n = worker->tickets_first; n < worker->tickets_end; n++) {
		struct batch *batch = ticket_at(worker, n)->batch;
		*ticket_at(worker, n) = (struct ticket){0};
		if (batch && --batch->unconfirmed == 0)
			settle_batch(worker, batch);
	}
	worker->tickets_first = worker->tickets_end = 0;
}
