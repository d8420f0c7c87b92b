/*
 * Commit: the outcomes of a tick in one transaction. If the database refuses
 * the batch, each is tried alone, so that one bad outcome blocks no other.
 */
#include "worker.h"

#include <byoc/log.h>

static void list_changes(struct flight *flight)
{
	struct facts *facts = &flight->facts;
	struct outcome *outcome = &flight->outcome;
	size_t size = facts->resource_count * sizeof(struct resource *);

	outcome->recorded = arena_take(flight->arena, size);
	outcome->removed = arena_take(flight->arena, size);
	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct fact_resource *fact = &facts->resources[i];
		if (fact->change == CHANGE_RECORD)
			outcome->recorded[outcome->recorded_count++] =
				&fact->resource;
		else if (fact->change == CHANGE_REMOVE)
			outcome->removed[outcome->removed_count++] =
				&fact->resource;
	}
}

static struct outcome *describe(struct flight *flight)
{
	struct outcome *outcome = &flight->outcome;

	outcome->job = &flight->job;
	outcome->lease_token = flight->lease.token;
	outcome->err = &flight->err;
	outcome->cluster =
		flight->facts.cluster_changed ? &flight->facts.cluster : NULL;
	outcome->recorded_count = outcome->removed_count = 0;
	if (flight->job.type == JOB_CLUSTER_PHASE)
		list_changes(flight);
	return outcome;
}

static const struct {
	const char *event;
	enum log_level level;
	enum count count;
} reports[] = {
	[RESULT_DONE] = {"phase.done", LOG_INFO, COUNT_DONE},
	[RESULT_WAIT] = {"phase.wait", LOG_DEBUG, COUNT_WAIT},
	[RESULT_RETRY] = {"job.retry", LOG_WARN, COUNT_RETRY},
	[RESULT_FAIL] = {"phase.failed", LOG_ERROR, COUNT_FAIL},
	[RESULT_PARK] = {"phase.parked", LOG_WARN, COUNT_FAIL},
	[RESULT_READY] = {"credential.ready", LOG_INFO, COUNT_DONE},
	[RESULT_INVALID] = {"credential.invalid", LOG_WARN, COUNT_FAIL},
};
_Static_assert(COUNT(reports) == RESULT_COUNT, "report every result");

static void report(struct worker *worker, const struct flight *flight)
{
	enum result result = flight->outcome.result;
	const struct job *job = &flight->job;
	bool is_phase = job->type == JOB_CLUSTER_PHASE;
	const struct err *err = flight->err.kind ? &flight->err : NULL;

	worker_count(worker, reports[result].count);
	log_event(reports[result].level, reports[result].event,
		log_text("job", job->id),
		log_text(is_phase ? "cluster" : "credential", job->subject),
		log_text("phase", is_phase ? job->phase : NULL),
		log_i64("index", job->index),
		log_i64("attempt", flight->lease.lease_count),
		log_text("code", err ? err->code : NULL),
		log_text("text", err ? err->text : NULL), LOG_END);
}

/* Sorts flights by whether their outcome counted. One whose lease was lost is
 * leased again: its delivery is still ours. */
static void settle(struct worker *worker, struct flights *flights,
	const bool *counted, const struct outbox *written)
{
	struct flights settled = {0};
	size_t i = 0;

	for (struct flight *f; (f = flights_take(flights)); i++) {
		token_release(worker, f->token);
		f->token = NULL;
		if (counted[i]) {
			report(worker, f);
			flights_add(&settled, f);
			continue;
		}
		worker_count(worker, COUNT_LEASE_LOST);
		log_event(LOG_WARN, "job.lease_lost",
			log_text("job", f->job.id), LOG_END);
		flight_reset(f);
		flights_add(&worker->received, f);
	}
	publish_rows(worker, written, &settled);
}

static bool commit(
	struct worker *worker, struct flights *flights, struct err *err)
{
	struct outbox written = {.arena = arena_new()};
	size_t size = flights->count;
	size_t count = 0;

	struct outcome *outcomes =
		arena_take(written.arena, size * sizeof *outcomes);
	bool *counted = arena_take(written.arena, size * sizeof *counted);
	for (struct flight *f = flights->first; f; f = f->next)
		outcomes[count++] = *describe(f);
	bool ok = store_commit(
		worker->store, outcomes, count, counted, &written, err);
	if (ok)
		settle(worker, flights, counted, &written);
	arena_free(written.arena);
	return ok;
}

/* An outcome that the database will not have: the lease runs out, and the
 * watchdog brings the job back. */
static void give_up(
	struct worker *worker, struct flights *flights, const struct err *err)
{
	struct flight *flight = flights->first;

	log_event(LOG_ERROR, "job.not_stored", log_text("job", flight->job.id),
		log_text("subject", flight->job.subject),
		log_text("phase", flight->job.phase), LOG_ERR(err), LOG_END);
	token_release(worker, flight->token);
	flight->token = NULL;
	const struct outbox none = {0};
	publish_rows(worker, &none, flights);
}

static void commit_one_by_one(struct worker *worker, struct flights *flights)
{
	for (struct flight *f; worker->store && (f = flights_take(flights));) {
		struct flights alone = {0};
		struct err err = {0};

		flights_add(&alone, f);
		if (commit(worker, &alone, &err))
			continue;
		if (err.kind == ERR_RETRY) {
			links_lose_store(worker, &err);
			flights_move(&worker->finished, &alone);
		} else {
			give_up(worker, &alone, &err);
		}
	}
	flights_move(&worker->finished, flights);
}

void commit_finished(struct worker *worker)
{
	struct flights flights = {0};
	struct err err = {0};

	if (!worker->store || !worker->finished.count)
		return;
	flights_move(&flights, &worker->finished);
	if (commit(worker, &flights, &err))
		return;
	if (err.kind != ERR_RETRY) {
		commit_one_by_one(worker, &flights);
		return;
	}
	links_lose_store(worker, &err);
	flights_move(&worker->finished, &flights);
}
