/*
 * Upkeep, beside the belt: rows that are published are deleted, messages that
 * nobody published are relayed, what was lost is queued anew, and the history
 * is tended. Each is one transaction in the air at a time.
 */
#include "upkeep.h"

#include "meters.h"
#include "parcel.h"
#include "tenant.h"
#include "token.h"

#include <byoc/log.h>
#include <stdlib.h>
#include <string.h>

enum {
	DELETE_EVERY_MS = 200,
	DELETE_MOST = 2000,
	RELAY_EVERY_MS = 200,
	RELAY_MOST = 500,
	FULL_LOOK_EVERY_MS = 60 * 1000,
	WATCH_EVERY_MS = 5000,
	WATCH_PAUSE_MS = 4000, /* between those of all workers */
	WATCH_GRACE_MS = 15 * 1000,
	TEND_EVERY_MS = 3600 * 1000,
	GAUGES_EVERY_MS = 60 * 1000,
	FORGET_EVERY_MS = 500,
	FORGET_TENANT_MS = 60 * 1000,
};

/* A transaction that is sent again and again. */
struct errand {
	struct transaction *transaction;
	int64_t sent_ms;
	int64_t next_ms;
};

struct upkeep {
	struct errand deletion;
	struct ids deleting;
	struct errand relay;
	struct outbox_place place;
	int64_t next_full_look_ms;
	struct errand watch;
	struct errand tending;
	struct errand gauging;
	int64_t forget_ms; /* from then on */
};

/* Has the answer come? A failure is logged, and the errand is run again. */
static bool has_answer(struct worker *worker, struct errand *errand, bool *ok)
{
	if (!errand->transaction || !transaction_is_over(errand->transaction))
		return false;
	meters_transaction(worker, errand->transaction, errand->sent_ms, 0);
	const struct err *why = transaction_err(errand->transaction);
	*ok = why->kind == ERR_NONE;
	if (!*ok)
		log_event(why->kind == ERR_RETRY ? LOG_WARN : LOG_ERROR,
			"upkeep.failed", LOG_ERR(why), LOG_END);
	return true;
}

static void end(struct errand *errand)
{
	transaction_free(errand->transaction);
	errand->transaction = NULL;
}

static bool is_due(const struct worker *worker, const struct errand *errand)
{
	return worker_has_store(worker) && !errand->transaction &&
	       worker->now_ms >= errand->next_ms;
}

static void begin(struct worker *worker, struct errand *errand, int every_ms,
	struct transaction *transaction)
{
	errand->transaction = transaction;
	errand->sent_ms = worker->now_ms;
	errand->next_ms = worker->now_ms + every_ms;
}

/* ---- Deleting what was published ---- */

/* What could not be deleted is published twice unless it is tried again. */
static void take_back(struct ids *published, struct ids *deleting)
{
	size_t count = published->count + deleting->count;

	published->ids =
		memory_resize(published->ids, count + 1, sizeof(int64_t));
	published->room = count + 1;
	memcpy(published->ids + published->count, deleting->ids,
		deleting->count * sizeof(int64_t));
	published->count = count;
}

static void delete_published(struct worker *worker)
{
	struct upkeep *upkeep = worker->upkeep;
	struct errand *errand = &upkeep->deletion;
	bool ok;

	if (has_answer(worker, errand, &ok)) {
		if (!ok && upkeep->deleting.count)
			take_back(&worker->published, &upkeep->deleting);
		upkeep->deleting.count = 0;
		end(errand);
	}
	if (worker->published.count >= DELETE_MOST || worker->draining)
		errand->next_ms = worker->now_ms;
	if (!worker->published.count || !is_due(worker, errand))
		return;
	struct ids empty = upkeep->deleting;
	upkeep->deleting = worker->published;
	worker->published = empty;
	begin(worker, errand, DELETE_EVERY_MS,
		store_send_published(worker->store, upkeep->deleting.ids,
			upkeep->deleting.count));
}

/* ---- Relay ---- */

static bool may_publish_more(const struct worker *worker)
{
	return worker_has_broker(worker) &&
	       broker_can_publish(worker->broker) &&
	       worker->unconfirmed < UNCONFIRMED_MOST;
}

/* A full helping means that there is more. */
static void take_relayed(struct worker *worker, struct upkeep *upkeep)
{
	struct errand *errand = &upkeep->relay;
	struct flights none = {0};

	parcel_rows(worker, errand->transaction, &none);
	size_t count = worker->to_publish.last->rows.count;
	meters_add(worker, METER_RELAYED, count);
	store_read_place(errand->transaction, &upkeep->place);
	if (count == RELAY_MOST)
		errand->next_ms = worker->now_ms;
}

static void relay(struct worker *worker)
{
	struct upkeep *upkeep = worker->upkeep;
	struct errand *errand = &upkeep->relay;
	bool ok;

	if (has_answer(worker, errand, &ok)) {
		if (ok)
			take_relayed(worker, upkeep);
		end(errand);
	}
	if (!is_due(worker, errand))
		return;
	if (!may_publish_more(worker)) {
		errand->next_ms = worker->now_ms + RELAY_EVERY_MS;
		return;
	}
	bool full_look = worker->now_ms >= upkeep->next_full_look_ms;
	if (full_look)
		upkeep->next_full_look_ms = worker->now_ms + FULL_LOOK_EVERY_MS;
	begin(worker, errand, RELAY_EVERY_MS,
		store_send_relay(
			worker->store, &upkeep->place, RELAY_MOST, full_look));
}

/* ---- Watchdog ---- */

/* Behind a backlog, messages are waiting and not lost. */
static bool has_backlog(const struct worker *worker)
{
	int64_t most = worker->settings->max_in_flight;
	int64_t backlog = broker_backlog(worker->broker);

	return backlog < 0 || backlog > most ||
	       worker->flight_count >= (size_t)most;
}

static void take_requeued(struct worker *worker, struct errand *errand)
{
	struct flights none = {0};
	int requeued = store_read_requeued(errand->transaction);

	if (requeued <= 0)
		return;
	parcel_rows(worker, errand->transaction, &none);
	meters_add(worker, METER_REQUEUED, (size_t)requeued);
	log_event(LOG_WARN, "watchdog.requeued", log_i64("jobs", requeued),
		LOG_END);
}

static void watch(struct worker *worker)
{
	struct errand *errand = &worker->upkeep->watch;
	struct err err = {0};
	bool ok;

	if (has_answer(worker, errand, &ok)) {
		if (ok)
			take_requeued(worker, errand);
		end(errand);
	}
	if (worker->draining || !is_due(worker, errand) ||
		!may_publish_more(worker))
		return;
	begin(worker, errand, WATCH_EVERY_MS,
		store_send_watch(worker->store, WATCH_GRACE_MS, WATCH_PAUSE_MS,
			!has_backlog(worker)));
	/* For the next time. */
	if (!broker_ask_backlog(worker->broker, &err))
		link_fail(&worker->broker_link, &err);
}

/* ---- History ---- */

static void tend(struct worker *worker)
{
	struct errand *errand = &worker->upkeep->tending;
	bool ok;

	if (has_answer(worker, errand, &ok))
		end(errand);
	if (is_due(worker, errand))
		begin(worker, errand, TEND_EVERY_MS,
			store_send_tending(worker->store));
}

/* ---- Gauges ---- */

static void gauge(struct worker *worker)
{
	struct errand *errand = &worker->upkeep->gauging;
	bool ok;

	if (has_answer(worker, errand, &ok)) {
		if (ok)
			store_read_gauges(errand->transaction, &worker->gauges);
		end(errand);
	}
	if (is_due(worker, errand))
		begin(worker, errand, GAUGES_EVERY_MS,
			store_send_gauges(
				worker->store, &worker->upkeep->place));
}

/* What is only kept in case that it is needed again. */
static void forget(struct worker *worker)
{
	struct upkeep *upkeep = worker->upkeep;

	if (worker->now_ms < upkeep->forget_ms)
		return;
	upkeep->forget_ms = worker->now_ms + FORGET_EVERY_MS;
	tenants_forget_idle(worker, FORGET_TENANT_MS);
	tokens_wipe_idle(worker);
}

void upkeep(struct worker *worker)
{
	if (!worker->upkeep) {
		worker->upkeep = memory_new(sizeof *worker->upkeep);
		worker->upkeep->place = outbox_begin;
	}
	delete_published(worker);
	relay(worker);
	watch(worker);
	tend(worker);
	gauge(worker);
	forget(worker);
}

bool upkeep_is_idle(const struct worker *worker)
{
	if (!worker_has_store(worker) || !worker->upkeep)
		return true;
	return !worker->published.count &&
	       !worker->upkeep->deletion.transaction &&
	       !worker->upkeep->relay.transaction &&
	       !worker->upkeep->watch.transaction;
}

/* What is in the air wakes the worker by itself. */
static void sooner(int64_t *next_ms, const struct errand *errand)
{
	if (!errand->transaction && errand->next_ms < *next_ms)
		*next_ms = errand->next_ms;
}

int64_t upkeep_next_ms(const struct worker *worker)
{
	int64_t next_ms = worker->now_ms + RELAY_EVERY_MS;

	sooner(&next_ms, &worker->upkeep->relay);
	if (worker->published.count)
		sooner(&next_ms, &worker->upkeep->deletion);
	return next_ms;
}

void upkeep_stop(struct worker *worker)
{
	struct upkeep *upkeep = worker->upkeep;

	if (!upkeep)
		return;
	end(&upkeep->deletion);
	end(&upkeep->relay);
	end(&upkeep->watch);
	end(&upkeep->tending);
	end(&upkeep->gauging);
	free(upkeep->deleting.ids);
	free(upkeep);
	worker->upkeep = NULL;
}
