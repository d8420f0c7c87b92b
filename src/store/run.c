/* Runs: what a job that has a goal begins, if the status allows it. */
#include "store.h"

#include <string.h>

static const struct statement clusters_to_start = {"clusters_to_start",
	"SELECT id, type, workers FROM byoc.clusters"
	" WHERE id IN (SELECT x::uuid"
	"              FROM jsonb_array_elements_text($1::jsonb) x)",
	1};

static const struct statement start_runs = {
	"start_runs", "SELECT byoc.start_runs($1::jsonb)", 1};

static PGresult *load_clusters(struct store *store,
	const struct job *const *jobs, size_t count, struct err *err)
{
	struct json_object *ids = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_append_text(ids, jobs[i]->subject);
	const char *parameters[] = {json_write(ids)};
	PGresult *result =
		store_run(store, &clusters_to_start, parameters, err);
	json_free(ids);
	return result;
}

static int find_cluster(const PGresult *clusters, const char *id)
{
	for (int i = 0; i < PQntuples(clusters); i++)
		if (strcmp(store_text(clusters, i, 0), id) == 0)
			return i;
	return -1;
}

static struct json_object *describe_start(
	const struct job *job, const PGresult *clusters, int row, plan_of *plan)
{
	enum goal goal = job_goal(job->type);
	int type =
		words_find(&cluster_type_words, store_text(clusters, row, 1));
	struct cluster cluster = {
		.type = type < 0 ? CLUSTER_DEDICATED : (enum cluster_type)type,
		.workers = store_int(clusters, row, 2),
	};
	struct json_object *start = json_new();

	json_add_text(start, "cluster_id", job->subject);
	json_add_text(start, "goal", words_text(&goal_words, (int)goal));
	json_add_text(start, "traceparent",
		job->traceparent[0] ? job->traceparent : NULL);
	json_add(start, "phases", plan(goal, &cluster));
	return start;
}

static bool start(struct store *store, const struct job *const *jobs,
	size_t count, plan_of *plan, bool *known, struct err *err)
{
	PGresult *clusters = load_clusters(store, jobs, count, err);

	if (!clusters)
		return false;
	struct json_object *starts = json_new_array();
	for (size_t i = 0; i < count; i++) {
		int row = find_cluster(clusters, jobs[i]->subject);
		known[i] = row >= 0;
		if (known[i])
			json_append(starts,
				describe_start(jobs[i], clusters, row, plan));
	}
	const char *parameters[] = {json_write(starts)};
	PGresult *result = store_run(store, &start_runs, parameters, err);
	json_free(starts);
	PQclear(clusters);
	PQclear(result);
	return result != NULL;
}

bool store_start_runs(struct store *store, const struct job *const *jobs,
	size_t count, plan_of *plan, bool *known, struct outbox *written,
	struct err *err)
{
	if (store_begin(store, err) &&
		start(store, jobs, count, plan, known, err) &&
		store_written(store, written, err) && store_end(store, err))
		return true;
	store_abandon(store);
	return false;
}
