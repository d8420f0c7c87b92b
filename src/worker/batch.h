/*
 * Batches: what waits for the database goes there together, one transaction in
 * the air at a time, while the next one gathers.
 */
#pragma once

#include "flight.h"

enum batch_state {
	BATCH_IDLE,
	BATCH_IN_AIR,
	BATCH_ANSWERED, /* read the transaction, then batch_end() */
	BATCH_REFUSED,  /* the one flight in it, for good: take it, then end */
	BATCH_BUSY,     /* the same, and later it may go through */
};

/*
 * Has the answer come? When the door failed, the flights wait again, marked as
 * maybe leased; when the database refused several together, each goes alone.
 */
enum batch_state batch_look(
	struct worker *worker, struct batch *batch, struct err *err);

/*
 * The same for jobs that have no lease yet: has an answer come that is to be
 * read? One that was refused is dead-lettered, one that met a lock comes back.
 */
bool batch_is_answered(struct worker *worker, struct batch *batch);

/*
 * Takes those whose answer is stored; the others, whose clusters somebody else
 * had, come back. Of transactions whose answer names the busy ones.
 */
void batch_take_stored(
	struct worker *worker, struct batch *batch, struct flights *stored);

enum { BATCH_MOST = 256 };

/*
 * Moves those that are next, `most` of them, into `in_air`; false when there
 * are none, or the last ones are not through yet. A cluster is locked by one
 * transaction at a time, and who finds it locked comes back much later: so it
 * is in one batch at a time, and its other flights keep their places.
 */
bool batch_load(const struct worker *worker, struct batch *batch, size_t most);

/* Forgets the transaction; `in_air` is to be empty by now. */
void batch_end(struct batch *batch);

/* Would batch_load() have some now? */
bool batch_can_load(const struct worker *worker, const struct batch *batch);

/* The flight waits again after a pause, which is longer each time in a row. */
void batch_add_later(
	struct worker *worker, struct batch *batch, struct flight *flight);
