/* Outcomes: one transaction stores those of a whole tick. */
#include "store.h"

static const struct statement commit_phases = {
	"commit_phases", "SELECT byoc.commit_phases($1::jsonb)", 1};

static const struct statement commit_credentials = {
	"commit_credentials", "SELECT byoc.commit_credentials($1::jsonb)", 1};

static const char *const result_text[] = {
	[RESULT_DONE] = "done",
	[RESULT_WAIT] = "wait",
	[RESULT_RETRY] = "retry",
	[RESULT_FAIL] = "fail",
	[RESULT_PARK] = "park",
	[RESULT_READY] = "ready",
	[RESULT_INVALID] = "invalid",
};
_Static_assert(COUNT(result_text) == RESULT_COUNT, "name every result");

static const char *or_null(const char *text)
{
	return text && *text ? text : NULL;
}

static struct json_object *describe_cluster(const struct cluster *cluster)
{
	struct json_object *row = json_new();

	json_add_text(row, "server_type", or_null(cluster->server_type));
	json_add_text(row, "gateway_type", or_null(cluster->gateway_type));
	json_add_text(row, "ssh_public_key", or_null(cluster->ssh_public_key));
	json_add_text(
		row, "sealed_ssh_private_key", cluster->sealed_ssh_private_key);
	json_add_text(row, "sealed_authorities", cluster->sealed_authorities);
	json_add_text(row, "sealed_join_token", cluster->sealed_join_token);
	return row;
}

static struct json_object *describe_resource(const struct resource *resource)
{
	struct json_object *row = json_new();
	struct json_object *actions = json_new_array();

	for (size_t i = 0; i < resource->action_count; i++)
		json_append_i64(actions, resource->actions[i]);
	json_add_text(row, "kind",
		words_text(&resource_kind_words, (int)resource->kind));
	json_add_i64(row, "id", resource->id);
	json_add_text(row, "name", resource->name);
	json_add_text(row, "phase", resource->phase);
	json_add_i64(row, "index", resource->index);
	json_add_text(row, "public_address", or_null(resource->public_address));
	json_add_text(
		row, "private_address", or_null(resource->private_address));
	json_add(row, "actions", actions);
	return row;
}

static struct json_object *describe_resources(
	const struct resource *const *resources, size_t count)
{
	struct json_object *rows = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_append(rows, describe_resource(resources[i]));
	return rows;
}

static void add_phase(struct json_object *row, const struct outcome *outcome)
{
	json_add_text(row, "cluster_id", outcome->job->subject);
	json_add_i64(row, "run", outcome->job->run);
	json_add_text(row, "phase", outcome->job->phase);
	json_add_i64(row, "index", outcome->job->index);
	if (outcome->refused_token) {
		struct json_object *refused = json_new();
		json_add_text(refused, "sealed_token", outcome->refused_token);
		json_add_text(refused, "code", outcome->err->code);
		json_add_text(refused, "reason", outcome->err->text);
		json_add(row, "credential", refused);
	}
	if (outcome->cluster)
		json_add(row, "cluster", describe_cluster(outcome->cluster));
	json_add(row, "resources",
		describe_resources(outcome->recorded, outcome->recorded_count));
	json_add(row, "removed",
		describe_resources(outcome->removed, outcome->removed_count));
}

static struct json_object *describe_outcome(
	const struct outcome *outcome, size_t n)
{
	struct json_object *row = json_new();

	json_add_i64(row, "n", (int64_t)n);
	json_add_i64(row, "lease_token", outcome->lease_token);
	json_add_text(row, "result", result_text[outcome->result]);
	if (outcome->wait_queue) {
		json_add_text(row, "queue", outcome->wait_queue);
		json_add_i64(row, "delay_ms", outcome->delay_ms);
	}
	if (outcome->err && outcome->err->kind) {
		json_add_text(row, "code", outcome->err->code);
		json_add_text(row, "reason", outcome->err->text);
	}
	if (outcome->job->type == JOB_CLUSTER_PHASE)
		add_phase(row, outcome);
	else
		json_add_text(row, "credential_id", outcome->job->subject);
	return row;
}

/* Stores the outcomes of phases, or those of validations. */
static bool put(struct store *store, bool phases,
	const struct outcome *outcomes, size_t count, bool *counted,
	struct err *err)
{
	struct json_object *rows = json_new_array();
	size_t found = 0;
	PGresult *result = NULL;

	for (size_t i = 0; i < count; i++) {
		if ((outcomes[i].job->type == JOB_CLUSTER_PHASE) != phases)
			continue;
		json_append(rows, describe_outcome(&outcomes[i], i));
		counted[i] = false;
		found++;
	}
	const char *parameters[] = {json_write(rows)};
	if (found)
		result = store_run(store,
			phases ? &commit_phases : &commit_credentials,
			parameters, err);
	json_free(rows);
	for (int i = 0; i < PQntuples(result); i++)
		counted[store_i64(result, i, 0)] = true;
	PQclear(result);
	return !found || result;
}

bool store_commit(struct store *store, const struct outcome *outcomes,
	size_t count, bool *counted, struct outbox *written, struct err *err)
{
	if (store_begin(store, err) &&
		put(store, true, outcomes, count, counted, err) &&
		put(store, false, outcomes, count, counted, err) &&
		store_written(store, written, err) && store_end(store, err))
		return true;
	store_abandon(store);
	return false;
}
