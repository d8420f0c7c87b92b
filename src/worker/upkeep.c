/*
 * Upkeep, beside the belt: rows that are published are deleted, messages that
 * nobody published are relayed, and what was lost is queued anew.
 */
#include "worker.h"

#include <byoc/log.h>

enum {
	RELAY_EVERY_MS = 200,
	RELAY_MOST = 500,
	DELETE_MOST = 2000,
	WATCH_EVERY_MS = 5000,
	WATCH_GRACE_MS = 15 * 1000,
	TOKEN_IDLE_MS = 60 * 1000,
};

static void fail(struct worker *worker, const struct err *err)
{
	if (err->kind == ERR_RETRY)
		links_lose_store(worker, err);
	else
		log_event(LOG_ERROR, "upkeep.failed", LOG_ERR(err), LOG_END);
}

static void delete_published(struct worker *worker)
{
	struct err err = {0};

	if (!worker->published_count || !worker->store)
		return;
	if (store_published(worker->store, worker->published,
		    worker->published_count, &err))
		worker->published_count = 0;
	else
		fail(worker, &err);
}

static void relay(struct worker *worker)
{
	struct outbox taken = {.arena = arena_new()};
	struct flights none = {0};
	struct err err = {0};

	if (store_take_outbox(worker->store, RELAY_MOST, &taken, &err)) {
		worker->counts[COUNT_RELAYED] += taken.count;
		publish_rows(worker, &taken, &none);
		/* A full helping: there is more. */
		worker->next_relay_ms =
			worker->now_ms +
			(taken.count == RELAY_MOST ? 0 : RELAY_EVERY_MS);
	} else {
		fail(worker, &err);
	}
	arena_free(taken.arena);
}

/* With a full belt messages are waiting, not lost. */
static bool belt_is_full(const struct worker *worker)
{
	return worker->flight_count >= (size_t)worker->settings->max_in_flight;
}

static void watch(struct worker *worker)
{
	struct outbox written = {.arena = arena_new()};
	struct flights none = {0};
	struct err err = {0};
	int requeued = 0;

	worker->next_watch_ms = worker->now_ms + WATCH_EVERY_MS;
	if (!store_requeue_lost(
		    worker->store, WATCH_GRACE_MS, &requeued, &written, &err))
		fail(worker, &err);
	else
		publish_rows(worker, &written, &none);
	if (requeued) {
		worker->counts[COUNT_REQUEUED] += (uint64_t)requeued;
		log_event(LOG_WARN, "watchdog.requeued",
			log_i64("jobs", requeued), LOG_END);
	}
	arena_free(written.arena);
}

void upkeep(struct worker *worker)
{
	bool relay_is_due = worker->now_ms >= worker->next_relay_ms;

	if (relay_is_due || worker->published_count >= DELETE_MOST) {
		delete_published(worker);
		token_forget_idle(worker, TOKEN_IDLE_MS);
	}
	if (!worker->broker || broker_blocked(worker->broker))
		return;
	if (worker->store && relay_is_due)
		relay(worker);
	if (worker->store && worker->broker &&
		worker->now_ms >= worker->next_watch_ms &&
		!belt_is_full(worker))
		watch(worker);
}
