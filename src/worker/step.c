/*
 * Step: asks a flight's phase what it wants next, until it wants a call, has
 * to wait, or has an outcome.
 */
#include "step.h"

#include "flight.h"
#include "keys.h"
#include "meters.h"
#include "tenant.h"
#include "token.h"

#include <byoc/clock.h>
#include <byoc/log.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	LEASE_WAIT_MS = 250,
	REPLACED_WAIT_MS = 250,
	NEWER_WAIT_MS = 5000,
	CLUSTERS_WAIT_MS = 1000,
	/* Making keys takes a while: the other stages have their turn, too. */
	TURN_MOST_MS = 20,
};

static enum goal goal_of(const struct flight *flight)
{
	return flight->job.type == JOB_CLUSTER_PHASE ? flight->lease.goal
						     : GOAL_COUNT;
}

static void finish(
	struct worker *worker, struct flight *flight, enum result result)
{
	flight->outcome.result = result;
	flights_add(
		&worker->outcomes[flight_lease_kind(flight)].waiting, flight);
}

/* A phase's row says when it is due, and it comes back before that (lease.c).
 */
static void finish_later(struct worker *worker, struct flight *flight,
	enum result result, int delay_ms)
{
	struct outcome *outcome = &flight->outcome;

	outcome->delay_ms = delay_ms;
	if (flight->job.type == JOB_CLUSTER_PHASE)
		outcome->wait_queue = broker_wait_queue_within(delay_ms);
	else
		outcome->wait_queue =
			broker_wait_queue(delay_ms, &outcome->delay_ms);
	finish(worker, flight, result);
}

static void finish_wait(
	struct worker *worker, struct flight *flight, int wait_ms)
{
	bool is_phase = flight->job.type == JOB_CLUSTER_PHASE;

	/* A validation has no waits of its own: it is tried again. */
	finish_later(
		worker, flight, is_phase ? RESULT_WAIT : RESULT_RETRY, wait_ms);
}

static void finish_done(struct worker *worker, struct flight *flight)
{
	finish(worker, flight,
		flight->job.type == JOB_CLUSTER_PHASE ? RESULT_DONE
						      : RESULT_READY);
}

/* What is not asked for by a person goes on with the next good token. */
static bool goal_waits_for_tokens(enum goal goal)
{
	return goal == GOAL_TEARDOWN || goal == GOAL_SWEEP ||
	       goal == GOAL_REFRESH;
}

/* When the token was replaced meanwhile, the store takes it for a wait. */
static void finish_refused_token(struct worker *worker, struct flight *flight)
{
	flight->outcome.refused_token = flight->lease.sealed_token;
	finish_later(worker, flight,
		goal_waits_for_tokens(goal_of(flight)) ? RESULT_PARK
						       : RESULT_FAIL,
		REPLACED_WAIT_MS);
}

/* flight->err says why. */
static void finish_failed(struct worker *worker, struct flight *flight)
{
	bool is_phase = flight->job.type == JOB_CLUSTER_PHASE;

	if (flight->err.kind == ERR_CREDENTIAL && is_phase) {
		finish_refused_token(worker, flight);
		return;
	}
	int retry_ms =
		phase_retry_ms(goal_of(flight), &flight->facts, &flight->err);
	if (retry_ms >= 0)
		finish_later(worker, flight, RESULT_RETRY, retry_ms);
	else
		finish(worker, flight, is_phase ? RESULT_FAIL : RESULT_INVALID);
}

static void go_on(struct worker *worker, struct flight *flight);

/* A phase has no clock. */
static void note_age(const struct worker *worker, struct flight *flight)
{
	flight->facts.age_ms =
		flight->lease.age_ms + worker->now_ms - flight->leased_ms;
}

static void act_on(
	struct worker *worker, struct flight *flight, enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_NEXT:
		go_on(worker, flight);
		break;
	case VERDICT_WAIT:
		finish_wait(worker, flight, flight->facts.wait_ms);
		break;
	case VERDICT_FAILED:
		finish_failed(worker, flight);
		break;
	}
}

/* What the worker was asked to do by itself is done. */
static void take_done(struct worker *worker, struct flight *flight)
{
	const struct reply done = {.class = REPLY_OK};

	act_on(worker, flight, phase_take(&flight->facts, &done, &flight->err));
}

static void make_keys(struct worker *worker, struct flight *flight)
{
	if (keys_make(worker, flight, &flight->err))
		take_done(worker, flight);
	else
		finish_failed(worker, flight);
}

static bool lease_lasts(const struct flight *flight)
{
	return clock_now_ms() + REQUEST_TIMEOUT_MS <=
	       flight->lease_from_ms + LEASE_MS;
}

/* In how long a question may go out: 0, now. */
static int hold_back_ms(struct worker *worker, struct flight *flight)
{
	int wait_ms = 0;

	if (!lease_lasts(flight))
		return LEASE_WAIT_MS;
	if (flight->ask.request.server)
		return tenant_may_call_cluster(worker, flight->tenant)
			       ? 0
			       : CLUSTERS_WAIT_MS;
	if (tenant_may_call(
		    worker, flight->tenant, &flight->let_through, &wait_ms))
		return 0;
	meters_count(worker, METER_HELD_BACK);
	return wait_ms;
}

static void send_question(struct worker *worker, struct flight *flight)
{
	int wait_ms = hold_back_ms(worker, flight);

	if (wait_ms) {
		ask_clear(&flight->ask);
		finish_wait(worker, flight, wait_ms);
	} else if (flight->ask.kind == ASK_ACTIONS || flight->ask.shared) {
		flight->gathered_ms = worker->now_ms;
		flights_add(&worker->gathered, flight);
	} else {
		if (flight->ask.request.server)
			tenant_begin_cluster_call(worker, flight->tenant);
		flights_add(&worker->calling, flight);
	}
}

static void go_on(struct worker *worker, struct flight *flight)
{
	note_age(worker, flight);
	flight->ask = (struct ask){0};
	switch (phase_ask(&flight->facts, &flight->ask, &flight->err)) {
	case PROGRESS_ASKS:
		if (flight->ask.kind == ASK_KEYS)
			make_keys(worker, flight);
		else if (flight->ask.kind == ASK_NOTE)
			finish(worker, flight, RESULT_NOTE);
		else
			send_question(worker, flight);
		break;
	case PROGRESS_WAITS:
		finish_wait(worker, flight, flight->facts.wait_ms);
		break;
	case PROGRESS_DONE:
		finish_done(worker, flight);
		break;
	case PROGRESS_FAILED:
		finish_failed(worker, flight);
		break;
	}
}

/* To a question that others asked as well. */
static void take_common(
	struct worker *worker, struct flight *flight, const struct reply *reply)
{
	ask_clear(&flight->ask);
	note_age(worker, flight);
	act_on(worker, flight, phase_take(&flight->facts, reply, &flight->err));
}

static void take_own(struct worker *worker, struct flight *flight)
{
	struct reply *replies = flight->replies;
	size_t count = flight->asked;

	note_age(worker, flight);
	enum verdict verdict =
		phase_take_all(&flight->facts, replies, count, &flight->err);

	while (count)
		reply_clear(&replies[--count]);
	flight->asked = 0;
	act_on(worker, flight, verdict);
}

static bool open_one(struct worker *worker, const struct flight *flight,
	const char *what, const char *sealed, struct secret *plain,
	struct err *err)
{
	char context[64];

	if (!sealed)
		return true;
	snprintf(context, sizeof context, "cluster:%s:%s", flight->job.subject,
		what);
	return unseal_own(worker->keyring, context, sealed, plain, err);
}

static bool open_secrets(
	struct worker *worker, struct flight *flight, struct err *err)
{
	const struct lease *lease = &flight->lease;
	struct facts *facts = &flight->facts;

	flight->token = token_take(
		worker, lease->credential_id, lease->sealed_token, err);
	if (!flight->token)
		return false;
	facts->token = token_plain(flight->token);
	if (!facts->phase->opens_secrets)
		return true;
	facts->authorities = &flight->authorities;
	facts->join_token = &flight->join_token;
	return open_one(worker, flight, "authorities",
		       lease->cluster.sealed_authorities, &flight->authorities,
		       err) &&
	       open_one(worker, flight, "join_token",
		       lease->cluster.sealed_join_token, &flight->join_token,
		       err);
}

static void begin(struct worker *worker, struct flight *flight)
{
	if (flight->err.kind) {
		finish_failed(worker, flight);
	} else if (flight->token) {
		note_age(worker, flight);
		take_done(worker, flight); /* noted */
	} else if (!flight->facts.phase) {
		/* A newer worker has queued it, and one will have it. */
		log_event(LOG_WARN, "phase.unknown",
			log_text("phase", flight->job.phase),
			log_text("cluster", flight->job.subject), LOG_END);
		finish_wait(worker, flight, NEWER_WAIT_MS);
	} else if (open_secrets(worker, flight, &flight->err)) {
		go_on(worker, flight);
	} else {
		finish_failed(worker, flight);
	}
}

static void take_replies(struct worker *worker, struct call *call)
{
	worker->answered.first = call->next;
	if (!call->next)
		worker->answered.end = &worker->answered.first;
	if (call->asker) {
		call->asker->replies[call->nth] = call->reply;
		if (--call->asker->awaited == 0)
			take_own(worker, call->asker);
	} else {
		for (struct flight *f; (f = flights_take(&call->flights));)
			take_common(worker, f, &call->reply);
		reply_clear(&call->reply);
	}
	free(call);
}

void step(struct worker *worker)
{
	int64_t end_ms = clock_now_ms() + TURN_MOST_MS;

	while (worker->answered.first && clock_now_ms() <= end_ms)
		take_replies(worker, worker->answered.first);
	while (worker->ready.first && clock_now_ms() <= end_ms)
		begin(worker, flights_take(&worker->ready));
}
