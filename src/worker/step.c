/*
 * Step: asks a flight's phase what it wants next, until it wants a call, has
 * to wait, or has an outcome.
 */
#include "worker.h"

#include <byoc/log.h>
#include <stdio.h>

enum { RATE_WAIT_MS = 2000, LEASE_WAIT_MS = 250, REPLACED_WAIT_MS = 250 };

static enum goal goal_of(const struct flight *flight)
{
	return flight->job.type == JOB_CLUSTER_PHASE ? flight->lease.goal
						     : GOAL_COUNT;
}

static void finish(
	struct worker *worker, struct flight *flight, enum result result)
{
	flight->outcome.result = result;
	flights_add(&worker->finished, flight);
}

static void finish_later(struct worker *worker, struct flight *flight,
	enum result result, int delay_ms)
{
	flight->outcome.wait_queue =
		broker_wait_queue(delay_ms, &flight->outcome.delay_ms);
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

/* When the token was replaced meanwhile, the store takes it for a wait. */
static void finish_refused_token(struct worker *worker, struct flight *flight)
{
	flight->outcome.refused_token = flight->lease.sealed_token;
	finish_later(worker, flight,
		goal_of(flight) == GOAL_PROVISION ? RESULT_FAIL : RESULT_PARK,
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
	int retry_ms = phase_retry_ms(
		goal_of(flight), &flight->err, flight->lease.failures + 1);
	if (retry_ms >= 0)
		finish_later(worker, flight, RESULT_RETRY, retry_ms);
	else
		finish(worker, flight, is_phase ? RESULT_FAIL : RESULT_INVALID);
}

static void step(struct worker *worker, struct flight *flight);

static void act_on(
	struct worker *worker, struct flight *flight, enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_NEXT:
		step(worker, flight);
		break;
	case VERDICT_WAIT:
		finish_wait(worker, flight, flight->facts.wait_ms);
		break;
	case VERDICT_FAILED:
		finish_failed(worker, flight);
		break;
	}
}

static void make_keys(struct worker *worker, struct flight *flight)
{
	struct reply done = {.class = REPLY_OK};

	if (keys_make(worker, flight, &flight->err))
		act_on(worker, flight,
			phase_take(&flight->facts, &done, &flight->err));
	else
		finish_failed(worker, flight);
}

/* A question that goes out, if the lease, and Hetzner's rate limit, allow it.
 */
static void send_question(struct worker *worker, struct flight *flight)
{
	if (worker->now_ms + REQUEST_TIMEOUT_MS > flight->lease_end_ms) {
		request_clear(&flight->ask.request);
		finish_wait(worker, flight, LEASE_WAIT_MS);
	} else if (flight->ask.request.server) {
		if (!call_send_to_cluster(worker, flight, &flight->err))
			finish_failed(worker, flight);
	} else if (!token_may_call(
			   worker, flight->token, &flight->let_through)) {
		worker_count(worker, COUNT_RATE_LIMITED);
		request_clear(&flight->ask.request);
		finish_wait(worker, flight, RATE_WAIT_MS);
	} else if (flight->ask.kind == ASK_ACTIONS) {
		flight->gathered_ms = worker->now_ms;
		flights_add(&worker->gathered, flight);
	} else {
		call_send(worker, flight);
	}
}

static void step(struct worker *worker, struct flight *flight)
{
	flight->ask = (struct ask){0};
	switch (phase_ask(&flight->facts, &flight->ask, &flight->err)) {
	case PROGRESS_ASKS:
		if (flight->ask.kind == ASK_KEYS)
			make_keys(worker, flight);
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

void step_take(
	struct worker *worker, struct flight *flight, const struct reply *reply)
{
	request_clear(&flight->ask.request);
	act_on(worker, flight, phase_take(&flight->facts, reply, &flight->err));
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
	return unseal(worker->keyring, context, sealed, plain, err);
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
	facts->token = &flight->token->plain;
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

void step_ready(struct worker *worker)
{
	struct flights ready = {0};

	flights_move(&ready, &worker->ready);
	for (struct flight *flight; (flight = flights_take(&ready));) {
		if (!flight->facts.phase)
			err_set(&flight->err, ERR_BUG, "unknown_phase",
				"this worker does not know the phase %s",
				flight->job.phase);
		if (flight->facts.phase &&
			open_secrets(worker, flight, &flight->err))
			step(worker, flight);
		else
			finish_failed(worker, flight);
	}
}
