/*
 * Traces: what happened to each job, as spans for a collector. A job that was
 * received is a span, the calls that it made are its children, and each event
 * that was published has one of its own; they are in the trace that the job's
 * traceparent names, or else in one of the cluster's run.
 *
 * Off unless BYOC_TRACES_ENDPOINT is set. A thread of its own sends them: a
 * collector that is slow or gone costs spans, and nothing else.
 */
#pragma once

#include "flight.h"

/* NULL without an error: they are off. */
struct traces *traces_start(const struct worker *worker, struct err *err);
/* Sends what is left, for some seconds at most. Takes NULL. */
void traces_stop(struct traces *traces);

/* Hands over what has gathered, and counts what was sent. Every tick. */
void traces(struct worker *worker);

/* All of them do nothing while traces are off. */
void traces_receive(const struct worker *worker, struct flight *flight);
void traces_call(struct worker *worker, const struct call *call);
void traces_land(struct worker *worker, struct flight *flight);
void traces_event(
	struct worker *worker, const struct outbox_row *row, int64_t began_ms);
