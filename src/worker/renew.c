/*
 * Renew: once a second all leases that have become a little old are held for
 * longer, wherever their flights stand. So a phase may take as many calls as it
 * needs, however slow the API is; and whoever dies is missed soon.
 */
#include "renew.h"

#include <byoc/log.h>
#include <stdlib.h>

enum { EVERY_MS = 1000, AGE_MS = 5000 };

struct renewals {
	struct transaction *transaction;
	size_t count;
	int64_t sent_ms;
	int64_t next_ms;
};

/* Flights that have landed meanwhile are in the list no more. */
static void take_answer(struct worker *worker, struct renewals *renewals)
{
	struct arena *arena = arena_new();
	bool *held = arena_take(arena, (renewals->count + 1) * sizeof *held);

	store_read_marks(renewals->transaction, held + 1, renewals->count);
	for (struct flight *f = worker->leased; f; f = f->next_leased) {
		if (held[f->renewal])
			f->lease_from_ms = renewals->sent_ms;
		f->renewal = 0;
	}
	arena_free(arena);
}

static void look(struct worker *worker, struct renewals *renewals)
{
	if (!renewals->transaction ||
		!transaction_is_over(renewals->transaction))
		return;
	const struct err *why = transaction_err(renewals->transaction);
	if (!why->kind)
		take_answer(worker, renewals);
	else
		log_event(LOG_WARN, "renewal.failed", LOG_ERR(why), LOG_END);
	transaction_free(renewals->transaction);
	renewals->transaction = NULL;
}

static bool is_old(const struct worker *worker, const struct flight *flight)
{
	return worker->now_ms - flight->lease_from_ms >= AGE_MS;
}

static void send_renewals(struct worker *worker, struct renewals *renewals)
{
	struct arena *arena = arena_new();
	struct renewal *list =
		arena_take(arena, worker->flight_count * sizeof *list);
	size_t count = 0;

	for (struct flight *f = worker->leased; f; f = f->next_leased) {
		f->renewal = 0;
		if (!is_old(worker, f))
			continue;
		list[count++] = (struct renewal){
			.job = &f->job, .lease_token = f->lease.token};
		f->renewal = count;
	}
	if (count)
		renewals->transaction = store_send_renewals(
			worker->store, LEASE_MS, list, count);
	renewals->count = count;
	renewals->sent_ms = worker->now_ms;
	arena_free(arena);
}

void renew(struct worker *worker)
{
	if (!worker->renewals)
		worker->renewals = memory_new(sizeof *worker->renewals);
	struct renewals *renewals = worker->renewals;

	look(worker, renewals);
	if (!worker->leased || renewals->transaction ||
		!worker_has_store(worker) || worker->now_ms < renewals->next_ms)
		return;
	renewals->next_ms = worker->now_ms + EVERY_MS;
	send_renewals(worker, renewals);
}

void renew_stop(struct worker *worker)
{
	if (worker->renewals)
		transaction_free(worker->renewals->transaction);
	free(worker->renewals);
}
