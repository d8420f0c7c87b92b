/* Batches: from a stage's list to the database and back. */
#include "batch.h"

#include "meters.h"
#include "parcel.h"

#include <string.h>

enum {
	PAUSE_MS = 250,
	/* Whoever has the cluster mostly is through within some ms. */
	PAUSE_FIRST_MS = 10,
	BUSY_WAIT_MS = 1000,
};

/* The door failed, and nobody knows whether it was stored. */
static void wait_again(struct batch *batch)
{
	for (struct flight *f = batch->in_air.first; f; f = f->next)
		f->maybe_leased = true;
	flights_move(&batch->in_air, &batch->waiting);
	batch->waiting = batch->in_air;
	batch->in_air = (struct flights){0};
}

enum batch_state batch_look(
	struct worker *worker, struct batch *batch, struct err *err)
{
	if (!batch->transaction)
		return BATCH_IDLE;
	if (!transaction_is_over(batch->transaction))
		return BATCH_IN_AIR;
	meters_transaction(worker, batch->transaction, batch->sent_ms,
		batch->in_air.count);
	const struct err *why = transaction_err(batch->transaction);
	bool busy = strcmp(why->code, "database_busy") == 0;
	if (why->kind == ERR_NONE)
		return BATCH_ANSWERED;
	if (why->kind == ERR_RETRY && !busy) {
		link_fail(&worker->store_link, why);
		wait_again(batch);
	} else if (batch->in_air.count > 1) {
		flights_move(&batch->alone, &batch->in_air);
	} else {
		*err = *why;
		return busy ? BATCH_BUSY : BATCH_REFUSED;
	}
	batch_end(batch);
	return BATCH_IDLE;
}

bool batch_is_answered(struct worker *worker, struct batch *batch)
{
	struct err err = {0};
	enum batch_state state = batch_look(worker, batch, &err);

	if (state == BATCH_REFUSED)
		parcel_dead_letter(worker, flights_take(&batch->in_air), &err);
	else if (state == BATCH_BUSY)
		parcel_come_back(
			worker, flights_take(&batch->in_air), BUSY_WAIT_MS);
	else
		return state == BATCH_ANSWERED;
	batch_end(batch);
	return false;
}

void batch_take_stored(
	struct worker *worker, struct batch *batch, struct flights *stored)
{
	size_t count = batch->in_air.count;
	struct arena *arena = arena_new();
	bool *busy = arena_take(arena, count * sizeof *busy);

	store_read_marks(batch->transaction, busy, count);
	for (size_t i = 0; i < count; i++) {
		struct flight *flight = flights_take(&batch->in_air);
		if (!busy[i]) {
			flights_add(stored, flight);
			continue;
		}
		meters_job(worker, flight, "busy");
		parcel_come_back(worker, flight, PAUSE_MS);
	}
	arena_free(arena);
}

/* ---- One batch at a time for each cluster ---- */

/* Two subjects may share one: then one waits a moment for nothing. */
static size_t mark_of(const struct flight *flight)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (const char *at = flight->job.subject; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	return hash % BATCH_MARKS;
}

static bool has_mark(const struct batch *batch, size_t mark)
{
	return batch->transaction &&
	       batch->marks[mark / 64] & UINT64_C(1) << mark % 64;
}

static void add_marks(struct batch *batch)
{
	memset(batch->marks, 0, sizeof batch->marks);
	for (struct flight *f = batch->in_air.first; f; f = f->next)
		batch->marks[mark_of(f) / 64] |= UINT64_C(1) << mark_of(f) % 64;
}

/* Is its cluster in a transaction of another batch? */
static bool is_elsewhere(
	const struct worker *worker, const struct flight *flight)
{
	size_t mark = mark_of(flight);

	return has_mark(&worker->starts, mark) ||
	       has_mark(&worker->kubeconfigs, mark) ||
	       has_mark(&worker->leases[LEASE_PHASES], mark) ||
	       has_mark(&worker->outcomes[LEASE_PHASES], mark);
}

/* ---- Loading ---- */

static bool can_send(const struct worker *worker, const struct batch *batch)
{
	return !batch->transaction && worker_has_store(worker);
}

/* After a while in which nothing met a lock, the next pause is short again. */
static void take_later(const struct worker *worker, struct batch *batch)
{
	if (!batch->later.count)
		batch->pause_ms = 0;
	else if (worker->now_ms >= batch->later_ms)
		flights_move(&batch->waiting, &batch->later);
}

bool batch_load(const struct worker *worker, struct batch *batch, size_t most)
{
	struct flights *from =
		batch->alone.count ? &batch->alone : &batch->waiting;
	struct flights elsewhere = {0};

	if (batch->alone.count)
		most = 1;
	if (!can_send(worker, batch))
		return false;
	take_later(worker, batch);
	batch->sent_ms = worker->now_ms;
	while (batch->in_air.count < most && from->count) {
		struct flight *flight = flights_take(from);
		flights_add(is_elsewhere(worker, flight) ? &elsewhere
							 : &batch->in_air,
			flight);
	}
	flights_move(&elsewhere, from);
	*from = elsewhere;
	if (!batch->in_air.count)
		return false;
	add_marks(batch);
	return true;
}

bool batch_can_load(const struct worker *worker, const struct batch *batch)
{
	const struct flights *from =
		batch->alone.count ? &batch->alone : &batch->waiting;

	if (!can_send(worker, batch))
		return false;
	for (const struct flight *f = from->first; f; f = f->next)
		if (!is_elsewhere(worker, f))
			return true;
	return false;
}

void batch_end(struct batch *batch)
{
	transaction_free(batch->transaction);
	batch->transaction = NULL;
}

void batch_add_later(
	struct worker *worker, struct batch *batch, struct flight *flight)
{
	if (!batch->later.count) {
		batch->pause_ms =
			batch->pause_ms ? 2 * batch->pause_ms : PAUSE_FIRST_MS;
		if (batch->pause_ms > PAUSE_MS)
			batch->pause_ms = PAUSE_MS;
		batch->later_ms = worker->now_ms + batch->pause_ms;
	}
	flights_add(&batch->later, flight);
}
