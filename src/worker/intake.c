/*
 * Intake: deliveries become flights, and all that have come in are leased (or
 * start their runs, or get their kubeconfigs) together. What cannot be
 * understood is dead-lettered.
 */
#include "worker.h"

#include <byoc/clock.h>
#include <byoc/log.h>
#include <stdio.h>
#include <string.h>

enum { BUSY_WAIT_MOST_MS = 5000 };

void intake_dead_letter(
	struct worker *worker, struct flight *flight, const struct err *reason)
{
	worker_count(worker, COUNT_DEAD_LETTERED);
	log_event(LOG_WARN, "job.dead_lettered",
		log_text("job", flight->job.id[0]
					? flight->job.id
					: flight->delivery->message_id),
		LOG_ERR(reason), LOG_END);
	publish_forward(worker, flight, BROKER_DEAD, reason);
}

static void decode(struct worker *worker, struct flight *flight)
{
	const struct delivery *delivery = flight->delivery;
	struct job *job = &flight->job;
	struct err err = {0};

	if (!job_decode(delivery->body, delivery->size, job, &err)) {
		intake_dead_letter(worker, flight, &err);
		return;
	}
	if (!job->traceparent[0] && delivery->traceparent &&
		traceparent_valid(delivery->traceparent))
		snprintf(job->traceparent, sizeof job->traceparent, "%s",
			delivery->traceparent);
	flights_add(&worker->received, flight);
}

void intake_receive(struct worker *worker)
{
	struct delivery *delivery;
	struct err err = {0};

	if (worker->broker && !broker_turn(worker->broker, &err))
		links_lose_broker(worker, &err);
	while (worker->broker &&
		(delivery = broker_next_delivery(worker->broker))) {
		worker_count(worker, COUNT_RECEIVED);
		worker->flight_count++;
		decode(worker, flight_new(delivery, worker->link));
	}
}

static void fill_facts(struct worker *worker, struct flight *flight)
{
	const struct lease *lease = &flight->lease;
	struct facts *facts = &flight->facts;

	facts->arena = flight->arena;
	facts->cluster = lease->cluster;
	facts->phase = flight->job.type == JOB_CLUSTER_PHASE
			       ? plan_find(lease->goal, flight->job.phase)
			       : &credential_phase;
	facts->index = flight->job.index;
	facts->run = flight->job.run;
	facts->lease_count = lease->lease_count;
	facts->failures = lease->failures;
	facts->age_ms = lease->age_ms;
	facts->older_leases = lease->older_leases;
	facts->now_unix = clock_unix_ms() / 1000;
	for (size_t i = 0; i < lease->resource_count; i++)
		facts_add(facts, &lease->resources[i]);
	flight->lease_end_ms = worker->now_ms + LEASE_MS;
	flights_add(&worker->ready, flight);
}

static void wait_for_other(struct worker *worker, struct flight *flight)
{
	int wait_ms = flight->lease.wait_ms < BUSY_WAIT_MOST_MS
			      ? flight->lease.wait_ms
			      : BUSY_WAIT_MOST_MS;
	int actual_ms;

	worker_count(worker, COUNT_BUSY);
	publish_forward(
		worker, flight, broker_wait_queue(wait_ms, &actual_ms), NULL);
}

void intake_unknown_record(struct worker *worker, struct flight *flight)
{
	struct err err = {0};

	err_set(&err, ERR_BAD_INPUT, "unknown_record",
		"there is no %s with the id %s",
		flight->job.type == JOB_CREDENTIAL_VALIDATE ? "credential"
							    : "cluster",
		flight->job.subject);
	intake_dead_letter(worker, flight, &err);
}

/* Sorts a flight by what its lease came to; void ones go to `settled`. */
static void sort_leased(
	struct worker *worker, struct flight *flight, struct flights *settled)
{
	switch (flight->lease.verdict) {
	case LEASE_TAKEN:
		fill_facts(worker, flight);
		break;
	case LEASE_BUSY:
		wait_for_other(worker, flight);
		break;
	case LEASE_UNKNOWN:
		intake_unknown_record(worker, flight);
		break;
	case LEASE_VOID:
		worker_count(worker, COUNT_VOID);
		log_event(LOG_DEBUG, "job.void",
			log_text("job", flight->job.id), LOG_END);
		flights_add(settled, flight);
		break;
	}
}

void intake_refused(
	struct worker *worker, struct flights *flights, const struct err *err)
{
	if (err->kind == ERR_RETRY) {
		links_lose_store(worker, err);
		flights_move(&worker->received, flights);
		return;
	}
	for (struct flight *flight; (flight = flights_take(flights));)
		intake_dead_letter(worker, flight, err);
}

static void lease(struct worker *worker, struct flights *flights)
{
	struct outbox written = {.arena = arena_new()};
	struct err err = {0};
	struct flights settled = {0};
	size_t count = 0;

	struct lease_ask *asks = arena_take(
		written.arena, flights->count * sizeof(struct lease_ask));
	for (struct flight *f = flights->first; f; f = f->next)
		asks[count++] = (struct lease_ask){
			.job = &f->job, .arena = f->arena, .lease = &f->lease};
	if (store_lease(worker->store, worker->id, LEASE_MS, asks, count,
		    &written, &err)) {
		for (struct flight *f; (f = flights_take(flights));)
			sort_leased(worker, f, &settled);
		publish_rows(worker, &written, &settled);
	} else {
		intake_refused(worker, flights, &err);
	}
	arena_free(written.arena);
}

static const char *const *needs_of(
	enum goal goal, unsigned bits, const char *names[], size_t *count)
{
	size_t total;
	const struct phase *phases = plan_phases(goal, &total);

	*count = 0;
	for (size_t i = 0; i < total; i++)
		if (bits & PHASE_BIT(i))
			names[(*count)++] = phases[i].name;
	return names;
}

/* The plan as the store wants it: {phase, index, needs} for each instance. */
static struct json_object *describe_plan(
	enum goal goal, const struct cluster *cluster)
{
	size_t total;
	const struct phase *phases = plan_phases(goal, &total);
	struct json_object *plan = json_new_array();
	const char *names[8 * sizeof phases->needs];
	size_t need_count;

	for (size_t i = 0; i < total; i++) {
		needs_of(goal, phases[i].needs, names, &need_count);
		int instances = plan_instances(&phases[i], cluster);
		for (int index = 0; index < instances; index++) {
			struct json_object *row = json_new();
			struct json_object *needs = json_new_array();
			for (size_t n = 0; n < need_count; n++)
				json_append_text(needs, names[n]);
			json_add_text(row, "phase", phases[i].name);
			json_add_i64(row, "index", index);
			json_add(row, "needs", needs);
			json_append(plan, row);
		}
	}
	return plan;
}

static void start_runs(struct worker *worker, struct flights *flights)
{
	struct outbox written = {.arena = arena_new()};
	struct err err = {0};
	struct flights settled = {0};
	size_t count = 0;

	const struct job **jobs =
		arena_take(written.arena, flights->count * sizeof *jobs);
	bool *known = arena_take(written.arena, flights->count * sizeof *known);
	for (struct flight *f = flights->first; f; f = f->next)
		jobs[count++] = &f->job;
	if (store_start_runs(worker->store, jobs, count, describe_plan, known,
		    &written, &err)) {
		for (size_t i = 0; i < count; i++) {
			struct flight *flight = flights_take(flights);
			if (known[i])
				flights_add(&settled, flight);
			else
				intake_unknown_record(worker, flight);
		}
		publish_rows(worker, &written, &settled);
	} else {
		intake_refused(worker, flights, &err);
	}
	arena_free(written.arena);
}

void intake_lease(struct worker *worker)
{
	struct flights starts = {0};
	struct flights leases = {0};
	struct flights kubeconfigs = {0};

	if (!worker->store)
		return;
	for (struct flight *f; (f = flights_take(&worker->received));) {
		if (f->job.type == JOB_CLUSTER_KUBECONFIG)
			flights_add(&kubeconfigs, f);
		else if (job_goal(f->job.type) < GOAL_COUNT)
			flights_add(&starts, f);
		else
			flights_add(&leases, f);
	}
	if (starts.count)
		start_runs(worker, &starts);
	if (leases.count && worker->store)
		lease(worker, &leases);
	if (kubeconfigs.count && worker->store)
		kubeconfig_answer(worker, &kubeconfigs);
	flights_move(&worker->received, &leases);
	flights_move(&worker->received, &kubeconfigs);
}
