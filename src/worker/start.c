/*
 * Start: jobs with a goal begin a run. What the plan depends on is asked for
 * first; then the plans are stored, where a cluster's status allows it.
 */
#include "start.h"

#include "batch.h"
#include "parcel.h"

#include <byoc/json.h>

static struct json_object *describe_needs(
	const struct phase *phases, size_t total, unsigned bits)
{
	struct json_object *needs = json_new_array();

	for (size_t i = 0; i < total; i++)
		if (bits & PHASE_BIT(i))
			json_append_text(needs, phases[i].name);
	return needs;
}

/* The plan as the store wants it: {phase, index, needs} for each instance. */
static struct json_object *describe_plan(
	enum goal goal, const struct cluster *cluster)
{
	size_t total;
	const struct phase *phases = plan_phases(goal, &total);
	struct json_object *plan = json_new_array();

	for (size_t i = 0; i < total; i++) {
		int instances = plan_instances(&phases[i], cluster);
		for (int index = 0; index < instances; index++) {
			struct json_object *row = json_new();
			json_add_text(row, "phase", phases[i].name);
			json_add_i64(row, "index", index);
			json_add(row, "needs",
				describe_needs(phases, total, phases[i].needs));
			json_append(plan, row);
		}
	}
	return plan;
}

static const struct job **list_jobs(
	const struct flights *flights, struct arena *arena)
{
	const struct job **jobs =
		arena_take(arena, flights->count * sizeof *jobs);
	size_t count = 0;

	for (struct flight *f = flights->first; f; f = f->next)
		jobs[count++] = &f->job;
	return jobs;
}

/* Keeps the flights whose clusters exist, and what they are like. */
static void take_clusters(
	struct worker *worker, struct batch *batch, struct arena *arena)
{
	size_t count = batch->in_air.count;
	struct cluster *clusters = arena_take(arena, count * sizeof *clusters);
	struct flights known = {0};

	store_read_clusters(batch->transaction,
		list_jobs(&batch->in_air, arena), count, clusters);
	for (size_t i = 0; i < count; i++) {
		struct flight *flight = flights_take(&batch->in_air);
		flight->facts.cluster = clusters[i];
		if (clusters[i].id[0])
			flights_add(&known, flight);
		else
			parcel_unknown_record(worker, flight);
	}
	batch->in_air = known;
}

static void send_starts(
	struct worker *worker, struct batch *batch, struct arena *arena)
{
	struct start *starts =
		arena_take(arena, batch->in_air.count * sizeof *starts);
	size_t count = 0;

	for (struct flight *f = batch->in_air.first; f; f = f->next)
		starts[count++] = (struct start){
			.job = &f->job,
			.plan = describe_plan(
				job_goal(&f->job), &f->facts.cluster),
		};
	batch->transaction = store_send_starts(worker->store, starts, count);
}

static void take_starts(struct worker *worker, struct batch *batch)
{
	struct flights started = {0};

	batch_take_stored(worker, batch, &started);
	parcel_rows(worker, batch->transaction, &started);
}

/* The first answer leads to the second transaction. */
static void take_answer(struct worker *worker, struct batch *batch)
{
	struct arena *arena = arena_new();
	bool first = batch->in_air.first->facts.cluster.id[0] == '\0';

	if (first)
		take_clusters(worker, batch, arena);
	else
		take_starts(worker, batch);
	batch_end(batch);
	if (first && batch->in_air.count && worker_has_store(worker))
		send_starts(worker, batch, arena);
	else
		flights_move(&batch->waiting, &batch->in_air);
	arena_free(arena);
}

void start(struct worker *worker)
{
	struct batch *batch = &worker->starts;

	if (batch_is_answered(worker, batch))
		take_answer(worker, batch);
	if (!batch_load(worker, batch, BATCH_MOST))
		return;
	struct arena *arena = arena_new();
	for (struct flight *f = batch->in_air.first; f; f = f->next)
		f->facts.cluster = (struct cluster){0};
	batch->transaction = store_send_clusters(worker->store,
		list_jobs(&batch->in_air, arena), batch->in_air.count);
	arena_free(arena);
}
