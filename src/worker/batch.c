/* Batches: from a stage's list to the database and back. */
#include "batch.h"

#include "meters.h"
#include "parcel.h"

#include <string.h>

enum { PAUSE_MS = 250, BUSY_WAIT_MS = 1000 };

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

bool batch_load(const struct worker *worker, struct batch *batch, size_t most)
{
	struct flights *from =
		batch->alone.count ? &batch->alone : &batch->waiting;

	if (batch->alone.count)
		most = 1;
	if (batch->later.count && worker->now_ms >= batch->later_ms)
		flights_move(&batch->waiting, &batch->later);
	if (batch->transaction || !worker_has_store(worker))
		return false;
	batch->sent_ms = worker->now_ms;
	while (batch->in_air.count < most && from->count)
		flights_add(&batch->in_air, flights_take(from));
	return batch->in_air.count;
}

void batch_end(struct batch *batch)
{
	transaction_free(batch->transaction);
	batch->transaction = NULL;
}

bool batch_has_more(const struct batch *batch)
{
	return batch->waiting.count || batch->alone.count;
}

void batch_add_later(
	struct worker *worker, struct batch *batch, struct flight *flight)
{
	if (!batch->later.count)
		batch->later_ms = worker->now_ms + PAUSE_MS;
	flights_add(&batch->later, flight);
}
