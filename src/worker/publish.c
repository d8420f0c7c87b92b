/*
 * Publish: a message that was confirmed is deleted from the outbox; one that
 * was not stays there for the relay. So a flight is acknowledged when all that
 * tells of it has been sent: what it did is in the database, with every one of
 * these messages. Only a message of its own, which is in no table, is waited
 * for; and all are, while very many are not confirmed.
 */
#include "publish.h"

#include "flight.h"
#include "meters.h"
#include "traces.h"

#include <byoc/log.h>
#include <stdlib.h>
#include <string.h>

/* A message that no confirm has come for yet. */
struct ticket {
	const struct outbox_row *row; /* NULL: the message is in no table */
	struct parcel *parcel;
};

struct publications {
	unsigned link;          /* the broker connection that they left by */
	struct ticket *tickets; /* a ring, by number */
	size_t room;            /* a power of two */
	uint64_t first;         /* not answered yet */
	uint64_t end;
};

/* After a new connection the broker delivers it again by itself. */
static void land(struct worker *worker, struct flight *flight, bool give_back)
{
	uint64_t tag = flight->delivery->tag;
	struct err err = {0};

	if (worker_has_broker(worker) && flight->link == worker->link &&
		!(give_back ? broker_return(worker->broker, tag, &err)
			    : broker_ack(worker->broker, tag, &err)))
		link_fail(&worker->broker_link, &err);
	traces_land(worker, flight);
	worker->flight_count--;
	flight_free(flight);
}

static void land_all(struct worker *worker, struct parcel *parcel)
{
	for (struct flight *f; (f = flights_take(&parcel->flights));)
		land(worker, f, parcel->refused);
}

static void settle(struct worker *worker, struct parcel *parcel)
{
	if (--parcel->unconfirmed)
		return;
	land_all(worker, parcel);
	arena_free(parcel->arena);
	free(parcel);
}

static void remove_first(struct parcels *parcels)
{
	parcels->first = parcels->first->next;
	if (!parcels->first)
		parcels->last = NULL;
	parcels->count--;
}

/* ---- Tickets ---- */

static struct ticket *ticket_at(struct publications *p, uint64_t number)
{
	return &p->tickets[number & (p->room - 1)];
}

static void widen_ring(struct publications *p)
{
	size_t room = p->room ? p->room * 2 : 1024;
	struct ticket *wider = memory_new(room * sizeof *wider);

	for (uint64_t n = p->first; n < p->end; n++)
		wider[n & (room - 1)] = *ticket_at(p, n);
	free(p->tickets);
	p->tickets = wider;
	p->room = room;
}

static void note_ticket(struct publications *p, uint64_t number,
	const struct outbox_row *row, struct parcel *parcel)
{
	if (p->first == p->end)
		p->first = p->end = number;
	while (number - p->first >= p->room)
		widen_ring(p);
	p->end = number + 1;
	*ticket_at(p, number) = (struct ticket){.row = row, .parcel = parcel};
	parcel->unconfirmed++;
}

/* ---- Sending ---- */

static bool is_event(const char *exchange)
{
	return strcmp(exchange, BROKER_EVENTS) == 0;
}

static struct message row_message(const struct outbox_row *row)
{
	bool event = is_event(row->exchange);

	return (struct message){
		.exchange = row->exchange,
		.routing_key = row->routing_key,
		.body = row->body,
		.size = strlen(row->body),
		.message_id = row->message_id,
		.type = row->type,
		.content_type = event ? EVENT_CONTENT_TYPE : "application/json",
		.traceparent = row->traceparent,
		.mandatory = !event, /* nobody has to listen */
	};
}

static struct message own_message(const struct parcel *parcel)
{
	const struct delivery *delivery = parcel->flights.first->delivery;
	bool has_reason = parcel->reason.kind != ERR_NONE;

	return (struct message){
		.exchange = "",
		.routing_key = parcel->queue,
		.body = delivery->body,
		.size = delivery->size <= MESSAGE_BODY_MAX ? delivery->size : 0,
		.message_id = delivery->message_id,
		.content_type = "application/json",
		.traceparent = delivery->traceparent,
		.reason_code = has_reason ? parcel->reason.code : NULL,
		.reason = has_reason ? parcel->reason.text : NULL,
		.mandatory = true,
	};
}

static int64_t row_id(const struct outbox_row *row)
{
	return row ? row->id : 0;
}

/* A message that cannot be sent at all stays where it is. */
static void complain(struct worker *worker, struct parcel *parcel,
	const struct outbox_row *row, const struct err *err)
{
	if (err->kind != ERR_BUG) {
		link_fail(&worker->broker_link, err);
		return;
	}
	meters_count(worker, METER_REFUSED);
	log_event(LOG_ERROR, "publish.impossible",
		log_i64("outbox", row_id(row)), LOG_ERR(err), LOG_END);
	parcel->refused = !row;
}

static bool send_message(struct worker *worker, struct parcel *parcel,
	const struct message *message, const struct outbox_row *row)
{
	struct err err = {0};
	uint64_t number;

	if (!worker_has_broker(worker) || !broker_can_publish(worker->broker))
		return false;
	if (broker_publish(worker->broker, message, &number, &err)) {
		meters_count(worker, METER_PUBLISHED);
		note_ticket(worker->publications, number, row, parcel);
	} else {
		complain(worker, parcel, row, &err);
	}
	parcel->sent++;
	return true;
}

/* False: the rest has to wait. */
static bool send_parcel(struct worker *worker, struct parcel *parcel)
{
	struct message message;

	while (parcel->sent < parcel->rows.count) {
		const struct outbox_row *row = &parcel->rows.rows[parcel->sent];
		message = row_message(row);
		if (!send_message(worker, parcel, &message, row))
			return false;
	}
	if (parcel->queue && parcel->sent == parcel->rows.count) {
		message = own_message(parcel);
		if (!send_message(worker, parcel, &message, NULL))
			return false;
	}
	return !parcel->refusal ||
	       send_message(worker, parcel, parcel->refusal, NULL);
}

static bool may_land(const struct worker *worker, const struct parcel *parcel)
{
	const struct publications *p = worker->publications;

	return !parcel->queue && p->end - p->first < UNCONFIRMED_MOST;
}

static void send_parcels(struct worker *worker)
{
	struct parcel *parcel;

	while ((parcel = worker->to_publish.first) &&
		send_parcel(worker, parcel)) {
		remove_first(&worker->to_publish);
		if (may_land(worker, parcel))
			land_all(worker, parcel);
		settle(worker, parcel);
	}
}

/* ---- Confirms ---- */

static void note_published(struct ids *published, int64_t id)
{
	if (published->count == published->room) {
		published->room = published->room ? published->room * 2 : 1024;
		published->ids = memory_resize(
			published->ids, published->room, sizeof(int64_t));
	}
	published->ids[published->count++] = id;
}

static void note_confirmed(
	struct worker *worker, const struct outbox_row *row, int64_t began_ms)
{
	note_published(&worker->published, row->id);
	if (is_event(row->exchange))
		traces_event(worker, row, began_ms);
}

static void take_confirm(
	struct worker *worker, struct ticket *ticket, enum confirm_kind kind)
{
	struct parcel *parcel = ticket->parcel;
	bool taken = kind == CONFIRM_TAKEN;

	if (!parcel)
		return;
	if (!taken) {
		meters_count(worker, METER_REFUSED);
		log_event(LOG_WARN, "publish.refused",
			log_text("why", kind == CONFIRM_RETURNED
						? "no queue takes it"
						: "negative acknowledgement"),
			log_i64("outbox", row_id(ticket->row)), LOG_END);
	}
	if (ticket->row && taken)
		note_confirmed(worker, ticket->row, parcel->began_ms);
	else if (!ticket->row && !taken)
		parcel->refused = true;
	*ticket = (struct ticket){0};
	settle(worker, parcel);
}

static void take_confirms(struct worker *worker)
{
	struct publications *p = worker->publications;
	struct confirm confirm;

	while (worker_has_broker(worker) &&
		broker_next_confirm(worker->broker, &confirm))
		if (confirm.ticket >= p->first && confirm.ticket < p->end)
			take_confirm(worker, ticket_at(p, confirm.ticket),
				confirm.kind);
	while (p->first < p->end && !ticket_at(p, p->first)->parcel)
		p->first++;
}

/* The connection is gone, and with it the confirms and the deliveries. */
static void forget(struct worker *worker)
{
	struct publications *p = worker->publications;
	struct parcel *parcel;

	for (uint64_t n = p->first; n < p->end; n++) {
		parcel = ticket_at(p, n)->parcel;
		*ticket_at(p, n) = (struct ticket){0};
		if (parcel)
			settle(worker, parcel);
	}
	p->first = p->end = 0;
	worker->unconfirmed = 0;
	while ((parcel = worker->to_publish.first)) {
		remove_first(&worker->to_publish);
		settle(worker, parcel);
	}
}

void publish(struct worker *worker)
{
	if (!worker->publications)
		worker->publications = memory_new(sizeof(struct publications));
	struct publications *p = worker->publications;
	struct err err = {0};
	if (!worker_has_broker(worker) || p->link != worker->link) {
		forget(worker);
		p->link = worker->link;
	}
	if (!worker_has_broker(worker))
		return;
	/* Messages and acknowledgements leave together. */
	broker_hold(worker->broker);
	take_confirms(worker);
	send_parcels(worker);
	if (!broker_let_go(worker->broker, &err))
		link_fail(&worker->broker_link, &err);
	worker->unconfirmed = (size_t)(p->end - p->first);
}

void publish_stop(struct worker *worker)
{
	if (!worker->publications)
		return;
	forget(worker);
	free(worker->publications->tickets);
	free(worker->publications);
	worker->publications = NULL;
}
