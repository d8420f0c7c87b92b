/* Runs: what a job that has a goal begins, if the status allows it. */
#include "store.h"

#include <stdio.h>
#include <string.h>

const struct statement clusters_to_start = {"clusters_to_start",
	"SELECT id, type, workers FROM byoc.clusters"
	" WHERE id IN (SELECT x::uuid"
	"              FROM jsonb_array_elements_text($1::jsonb) x)",
	1, false};

const struct statement start_runs = {
	"start_runs", "SELECT byoc.start_runs($1::jsonb)", 1, true};

struct transaction *store_send_clusters(
	struct store *store, const struct job *const *jobs, size_t count)
{
	struct transaction *transaction = transaction_new(&clusters_to_start);
	struct json_object *ids = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_append_text(ids, jobs[i]->subject);
	transaction->parameters[0] = parameter_json(transaction, ids);
	store_send(store, LANE_INTAKE, transaction);
	return transaction;
}

static void read_cluster(const PGresult *rows, int row, struct cluster *cluster)
{
	int type = words_find(&cluster_type_words, store_text(rows, row, 1));

	snprintf(cluster->id, sizeof cluster->id, "%s",
		store_text(rows, row, 0));
	cluster->type = type < 0 ? CLUSTER_DEDICATED : (enum cluster_type)type;
	cluster->workers = store_int(rows, row, 2);
}

void store_read_clusters(const struct transaction *transaction,
	const struct job *const *jobs, size_t count, struct cluster *clusters)
{
	const PGresult *rows = transaction->rows;

	for (size_t i = 0; i < count; i++) {
		clusters[i] = (struct cluster){0};
		for (int row = 0; row < PQntuples(rows); row++)
			if (strcmp(store_text(rows, row, 0),
				    jobs[i]->subject) == 0)
				read_cluster(rows, row, &clusters[i]);
	}
}

/* Of a teardown: what it is told, and no more than that. */
static struct json_object *describe_options(const struct removal *removal)
{
	struct json_object *options = json_new();

	if (removal->with_neighbours)
		json_add_bool(options, "with_neighbours", true);
	if (removal->keep_volumes)
		json_add_bool(options, "keep_volumes", true);
	if (removal->all_gone)
		json_add_bool(options, "all_gone", true);
	return options;
}

static struct json_object *describe_start(const struct start *start, size_t n)
{
	const struct job *job = start->job;
	enum goal goal = job_goal(job);
	struct json_object *row = json_new();

	json_add_i64(row, "n", (int64_t)n);
	json_add_text(row, "cluster_id", job->subject);
	json_add_text(row, "job_id", job->id);
	json_add_text(row, "goal", words_text(&goal_words, (int)goal));
	json_add_text(row, "traceparent",
		job->traceparent[0] ? job->traceparent : NULL);
	json_add_text(row, "job_id", job->id);
	json_add(row, "options", describe_options(&job->removal));
	json_add(row, "phases", start->plan);
	return row;
}

struct transaction *store_send_starts(
	struct store *store, const struct start *starts, size_t count)
{
	struct transaction *transaction = transaction_new(&start_runs);
	struct json_object *rows = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_append(rows, describe_start(&starts[i], i));
	transaction->parameters[0] = parameter_json(transaction, rows);
	store_send(store, LANE_INTAKE, transaction);
	return transaction;
}
