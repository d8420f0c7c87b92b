/* Parcels: what is to be published, put into the worker's list of them. */
#pragma once

#include "flight.h"

/*
 * The rows that a transaction wrote, or took from the outbox (NULL: none).
 * `flights` are acknowledged once all of them have been sent.
 */
void parcel_rows(struct worker *worker, const struct transaction *transaction,
	struct flights *flights);

/* A flight's own message, sent on to a queue. */
void parcel_forward(
	struct worker *worker, struct flight *flight, const char *queue);
/* Through a wait queue back to the job queue. */
void parcel_come_back(
	struct worker *worker, struct flight *flight, int wait_ms);
/* The same, but back in time; false: it is too short for that. */
bool parcel_come_back_sooner(
	struct worker *worker, struct flight *flight, int wait_ms);
/* Put aside, with the reason. */
void parcel_dead_letter(
	struct worker *worker, struct flight *flight, const struct err *reason);
/* There is no record that the job is about. */
void parcel_unknown_record(struct worker *worker, struct flight *flight);
