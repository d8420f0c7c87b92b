/* Flights and the lists that they stand in. */
#pragma once

#include "worker.h"

void flights_add(struct flights *flights, struct flight *flight);
struct flight *flights_take(struct flights *flights); /* NULL: none */
/* Into a list of those that are held, the soonest first. */
void flights_hold(struct flights *flights, struct flight *flight);
/* Moves all of `from` to the end of `to`. */
void flights_move(struct flights *to, struct flights *from);

struct flight *flight_new(
	const struct worker *worker, struct delivery *delivery);
void flight_free(struct flight *flight);
/* Forgets all but the job, to be leased again. */
void flight_reset(struct flight *flight);

enum lease_kind flight_lease_kind(const struct flight *flight);

/* A lease is held (renew.c) and counts for its credential until it ends. */
void flight_take_lease(
	struct worker *worker, struct flight *flight, int64_t from_ms);
/* Does nothing to a flight without one. */
void flight_end_lease(struct worker *worker, struct flight *flight);
