/*
 * What the worker counts. The names, labels and buckets are in meters.c; what
 * is merely looked at when somebody asks is in metrics.c.
 */
#pragma once

#include "flight.h"

#include <byoc/meter.h>

enum meter_name {
	METER_DELIVERIES,
	METER_JOBS,
	METER_JOB_SECONDS,
	METER_PHASE_SECONDS,
	METER_BATCH_JOBS,
	METER_DATABASE_SECONDS,
	METER_API_REQUESTS,
	METER_API_SECONDS,
	METER_HELD_BACK,
	METER_PUBLISHED,
	METER_REFUSED,
	METER_RELAYED,
	METER_REQUEUED,
	METER_RECONNECTS,
	METER_SPANS,
	METER_COUNT,
};

void meters_init(struct meter meters[METER_COUNT]);
void meters_clear(struct meter meters[METER_COUNT]);

/* One more, of a meter without labels. */
void meters_count(struct worker *worker, enum meter_name name);
void meters_add(struct worker *worker, enum meter_name name, size_t count);

/* What became of a job: a word such as "done", "retry" or "busy", which is also
 * its flight's result from then on. */
void meters_job(
	struct worker *worker, struct flight *flight, const char *result);

/* A phase or validation that has come to its end. */
void meters_finished(struct worker *worker, const struct flight *flight);

/* A transaction that is over, sent at `sent_ms`, of `jobs` jobs. */
void meters_transaction(struct worker *worker, const struct transaction *over,
	int64_t sent_ms, size_t jobs);

/* A request that leaves now, and its reply. */
void meters_sent(struct worker *worker, struct call *call,
	const struct request *request);
void meters_call(struct worker *worker, const struct call *call);

void meters_reconnect(struct worker *worker, const struct link *link);
