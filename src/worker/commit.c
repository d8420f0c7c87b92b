/*
 * Commit: outcomes that have gathered, in one transaction. If the database
 * refuses the batch, each is tried alone, so that one bad outcome blocks no
 * other; one whose cluster somebody else has waits for its turn.
 */
#include "commit.h"

#include "batch.h"
#include "meters.h"
#include "parcel.h"

#include <byoc/log.h>

static void list_changes(struct flight *flight)
{
	struct facts *facts = &flight->facts;
	struct outcome *outcome = &flight->outcome;
	size_t count = facts->resource_count;

	outcome->recorded =
		arena_take(flight->arena, count * sizeof *outcome->recorded);
	struct left *removed =
		arena_take(flight->arena, count * sizeof *removed);
	outcome->removed = removed;
	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct fact_resource *fact = &facts->resources[i];
		if (fact->change == CHANGE_RECORD)
			outcome->recorded[outcome->recorded_count++] =
				&fact->resource;
		else if (fact->change == CHANGE_REMOVE &&
			 outcome->result != RESULT_NOTE)
			removed[outcome->removed_count++] = (struct left){
				.resource = &fact->resource,
				.fate = fact->fate == FATE_NONE
						? NULL
						: words_text(&fate_words,
							  (int)fact->fate)};
	}
}

/* What a teardown tells beside that, for its receipt. */
static void list_kept(struct flight *flight)
{
	const struct facts *facts = &flight->facts;
	struct outcome *outcome = &flight->outcome;
	struct left *kept = arena_take(
		flight->arena, (facts->kept_count + 1) * sizeof *kept);

	for (size_t i = 0; i < facts->kept_count; i++)
		kept[i] = (struct left){.resource = &facts->kept[i].resource,
			.lasting = facts->kept[i].stay == STAY_FOR_GOOD};
	outcome->kept = kept;
	outcome->kept_count = facts->kept_count;
	outcome->swept = facts->swept ? words_text(&resource_kind_words,
						(int)facts->phase->kind)
				      : NULL;
	outcome->proven_version =
		facts->proven ? facts->removal.token_version : 0;
}

/* What a survey has found: a teardown would do it, and nothing is done. */
static void list_plan(struct flight *flight)
{
	struct facts *facts = &flight->facts;
	struct outcome *outcome = &flight->outcome;
	size_t most = facts->resource_count + facts->kept_count + 1;
	struct left *goes = arena_take(flight->arena, most * sizeof *goes);
	struct left *stays = arena_take(flight->arena, most * sizeof *stays);

	outcome->currency = facts->currency;
	outcome->goes = goes;
	outcome->kept = stays;
	outcome->goes_count = outcome->kept_count = 0;
	for (size_t i = 0; i < facts->kept_count; i++)
		stays[outcome->kept_count++] =
			(struct left){.resource = &facts->kept[i].resource,
				.price = facts->kept[i].bill.price};
	for (size_t i = 0; i < facts->resource_count; i++) {
		struct fact_resource *fact = &facts->resources[i];
		const struct left line = {
			.resource = &fact->resource, .price = fact->bill.price};
		if (fact->change == CHANGE_REMOVE || !fact->seen)
			continue;
		if (fact->to_keep)
			fact->resource.why = "a volume to be kept, as asked";
		else if (fact->held)
			fact->resource.why =
				"the cluster's, but protected from deletion";
		if (fact->to_keep || fact->held)
			stays[outcome->kept_count++] = line;
		else
			goes[outcome->goes_count++] = line;
	}
}

static struct outcome *describe(struct flight *flight)
{
	struct outcome *outcome = &flight->outcome;

	outcome->job = &flight->job;
	outcome->lease_token = flight->lease.token;
	outcome->unanswered = flight->facts.unanswered;
	outcome->outage = flight->facts.outage;
	outcome->err = &flight->err;
	outcome->prices = flight->facts.prices;
	outcome->audit = flight->facts.audit;
	outcome->waiting = flight->facts.waiting;
	outcome->cluster =
		flight->facts.cluster_changed ? &flight->facts.cluster : NULL;
	outcome->recorded_count = outcome->removed_count = 0;
	if (flight->plain)
		return outcome;
	if (flight->job.type == JOB_CLUSTER_PHASE &&
		flight->lease.goal == GOAL_SURVEY)
		list_plan(flight);
	else if (flight->job.type == JOB_CLUSTER_PHASE)
		list_changes(flight);
	if (flight->job.type == JOB_CLUSTER_PHASE &&
		outcome->result != RESULT_NOTE &&
		(flight->lease.goal == GOAL_TEARDOWN ||
			flight->lease.goal == GOAL_SWEEP))
		list_kept(flight);
	return outcome;
}

static const struct {
	const char *event;
	enum log_level level;
} reports[] = {
	[RESULT_DONE] = {"phase.done", LOG_INFO},
	[RESULT_WAIT] = {"phase.wait", LOG_DEBUG},
	[RESULT_RETRY] = {"job.retry", LOG_WARN},
	[RESULT_FAIL] = {"phase.failed", LOG_ERROR},
	[RESULT_PARK] = {"phase.parked", LOG_WARN},
	[RESULT_NOTE] = {"phase.noted", LOG_DEBUG},
	[RESULT_READY] = {"credential.ready", LOG_INFO},
	[RESULT_INVALID] = {"credential.invalid", LOG_WARN},
};
_Static_assert(COUNT(reports) == RESULT_COUNT, "report every result");

static void report(struct worker *worker, struct flight *flight)
{
	enum result result = flight->outcome.result;
	const struct job *job = &flight->job;
	bool is_phase = job->type == JOB_CLUSTER_PHASE;
	const struct err *err = flight->err.kind ? &flight->err : NULL;

	meters_job(worker, flight, words_text(&result_words, (int)result));
	if (result == RESULT_DONE || result == RESULT_FAIL)
		meters_finished(worker, flight);
	log_event(reports[result].level, reports[result].event,
		log_text("job", job->id),
		log_text(is_phase ? "cluster" : "credential", job->subject),
		log_text("phase", is_phase ? job->phase : NULL),
		log_i64("index", job->index),
		log_i64("attempt", flight->lease.lease_count),
		log_text("code", err ? err->code : NULL),
		log_text("text", err ? err->text : NULL), LOG_END);
}

/* It has been noted, and its phase goes on under the same lease. */
static void go_on(struct worker *worker, struct flight *flight)
{
	flight->outcome = (struct outcome){0};
	flights_add(&worker->ready, flight);
}

/* Its delivery is still ours: it is leased anew. */
static void lease_again(struct worker *worker, struct flight *flight)
{
	meters_job(worker, flight, "lost");
	log_event(LOG_WARN, "job.lease_lost", log_text("job", flight->job.id),
		LOG_END);
	flight_end_lease(worker, flight);
	flight_reset(flight);
	flight->maybe_leased = false;
	flights_add(&worker->leases[flight_lease_kind(flight)].waiting, flight);
}

static void take_answer(struct worker *worker, struct batch *batch)
{
	struct arena *arena = arena_new();
	size_t count = batch->in_air.count;
	enum outcome_verdict *verdicts =
		arena_take(arena, count * sizeof *verdicts);
	struct flights settled = {0};

	store_read_outcomes(batch->transaction, verdicts, count);
	for (size_t i = 0; i < count; i++) {
		struct flight *flight = flights_take(&batch->in_air);
		if (verdicts[i] == OUTCOME_BUSY) {
			batch_add_later(worker, batch, flight);
		} else if (verdicts[i] == OUTCOME_STORED &&
			   flight->outcome.result == RESULT_NOTE) {
			go_on(worker, flight);
		} else if (verdicts[i] == OUTCOME_STORED) {
			report(worker, flight);
			flight_end_lease(worker, flight);
			flights_add(&settled, flight);
		} else {
			lease_again(worker, flight);
		}
	}
	parcel_rows(worker, batch->transaction, &settled);
	batch_end(batch);
	arena_free(arena);
}

/* A phase whose outcome the database will not have fails, without what it found
 * out: labels still tell a teardown what it made. */
static void fail_plainly(struct flight *flight, const struct err *err)
{
	flight->plain = true;
	flight->facts.cluster_changed = false;
	flight->outcome = (struct outcome){.result = RESULT_FAIL};
	err_set(&flight->err, ERR_BUG, "not_stored",
		"What Hetzner answered cannot be stored. This is a mistake of "
		"ours and not yours; we are told of it. (%s)",
		err->code);
}

/* If the database will not have that either, or it is a validation: the lease
 * runs out, and the watchdog brings the job back. */
static void give_up(
	struct worker *worker, struct batch *batch, const struct err *err)
{
	struct flight *flight = batch->in_air.first;

	log_event(LOG_ERROR, "job.not_stored", log_text("job", flight->job.id),
		log_text("subject", flight->job.subject),
		log_text("phase", flight->job.phase), LOG_ERR(err), LOG_END);
	if (flight->job.type == JOB_CLUSTER_PHASE && !flight->plain) {
		fail_plainly(flight, err);
		flights_add(&batch->alone, flights_take(&batch->in_air));
	} else {
		flight_end_lease(worker, flight);
		parcel_rows(worker, NULL, &batch->in_air);
	}
	batch_end(batch);
}

static void look(struct worker *worker, struct batch *batch)
{
	struct err err = {0};

	switch (batch_look(worker, batch, &err)) {
	case BATCH_IDLE:
	case BATCH_IN_AIR:
		break;
	case BATCH_ANSWERED:
		take_answer(worker, batch);
		break;
	case BATCH_REFUSED:
		give_up(worker, batch, &err);
		break;
	case BATCH_BUSY:
		batch_add_later(worker, batch, flights_take(&batch->in_air));
		batch_end(batch);
		break;
	}
}

static void send_outcomes(struct worker *worker, struct batch *batch)
{
	struct arena *arena = arena_new();
	struct outcome *outcomes =
		arena_take(arena, batch->in_air.count * sizeof *outcomes);
	size_t count = 0;

	for (struct flight *f = batch->in_air.first; f; f = f->next)
		outcomes[count++] = *describe(f);
	batch->transaction =
		store_send_outcomes(worker->store, outcomes, count);
	arena_free(arena);
}

void commit(struct worker *worker)
{
	for (size_t i = 0; i < LEASE_KIND_COUNT; i++) {
		struct batch *batch = &worker->outcomes[i];

		look(worker, batch);
		if (batch_load(worker, batch, BATCH_MOST))
			send_outcomes(worker, batch);
	}
}
