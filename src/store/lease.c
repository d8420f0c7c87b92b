/*
 * Leases: all jobs of a tick are claimed together, and each comes back with
 * everything that its phase may need to know.
 */
#include "store.h"

#include <stdio.h>
#include <string.h>

static const struct statement lease_phases = {"lease_phases",
	"SELECT n, verdict, wait_ms, lease"
	" FROM byoc.lease_phases($1::jsonb, $2::uuid, $3::integer)",
	3};

static const struct statement lease_credentials = {"lease_credentials",
	"SELECT n, verdict, wait_ms, lease"
	" FROM byoc.lease_credentials($1::jsonb, $2::uuid, $3::integer)",
	3};

static const char *const verdict_text[] = {
	[LEASE_VOID] = "void",
	[LEASE_TAKEN] = "leased",
	[LEASE_BUSY] = "busy",
	[LEASE_UNKNOWN] = "unknown",
};
static const struct words verdict_words = {
	"verdict", verdict_text, COUNT(verdict_text)};

static void add_job(struct json_object *jobs, const struct job *job, size_t n)
{
	struct json_object *row = json_new();

	json_add_i64(row, "n", (int64_t)n);
	json_add_text(row, "job_id", job->id);
	if (job->type == JOB_CLUSTER_PHASE) {
		json_add_text(row, "cluster_id", job->subject);
		json_add_i64(row, "run", job->run);
		json_add_text(row, "phase", job->phase);
		json_add_i64(row, "index", job->index);
	} else {
		json_add_text(row, "credential_id", job->subject);
		json_add_text(row, "traceparent",
			job->traceparent[0] ? job->traceparent : NULL);
	}
	json_append(jobs, row);
}

static int read_word(
	const struct json_in *in, const char *key, const struct words *words)
{
	const char *text = json_text_ref(in, key);
	int found = text ? words_find(words, text) : -1;

	if (found >= 0)
		return found;
	err_set(in->err, ERR_BUG, "database_refused", "%s.%s is no %s",
		in->where, key, words->what);
	return 0;
}

static void read_cluster(
	const struct json_in *in, struct cluster *cluster, struct arena *arena)
{
	json_text(in, "id", cluster->id, sizeof cluster->id);
	json_text(in, "name", cluster->name, sizeof cluster->name);
	cluster->location =
		(enum location)read_word(in, "location", &location_words);
	cluster->type =
		(enum cluster_type)read_word(in, "type", &cluster_type_words);
	cluster->status = (enum cluster_status)read_word(
		in, "status", &cluster_status_words);
	json_int(in, "workers", &cluster->workers);
	json_opt_text(in, "server_type", cluster->server_type,
		sizeof cluster->server_type);
	json_opt_text(in, "gateway_type", cluster->gateway_type,
		sizeof cluster->gateway_type);
	json_text(in, "ssh_sources", cluster->ssh_sources,
		sizeof cluster->ssh_sources);
	json_opt_text(in, "ssh_public_key", cluster->ssh_public_key,
		sizeof cluster->ssh_public_key);
	cluster->sealed_authorities = arena_copy_text(
		arena, json_opt_text_ref(in, "sealed_authorities"));
	cluster->sealed_join_token = arena_copy_text(
		arena, json_opt_text_ref(in, "sealed_join_token"));
}

static void read_resource(const struct json_in *in, struct resource *resource)
{
	resource->kind =
		(enum resource_kind)read_word(in, "kind", &resource_kind_words);
	json_i64(in, "id", &resource->id);
	json_text(in, "name", resource->name, sizeof resource->name);
	json_text(in, "phase", resource->phase, sizeof resource->phase);
	json_int(in, "index", &resource->index);
	json_opt_text(in, "public_address", resource->public_address,
		sizeof resource->public_address);
	json_opt_text(in, "private_address", resource->private_address,
		sizeof resource->private_address);
	size_t count = json_count(in, "actions");
	for (size_t i = 0; i < count && i < COUNT(resource->actions); i++)
		resource->actions[resource->action_count++] =
			json_element_i64(in, "actions", i);
}

static void read_resources(
	const struct json_in *in, struct lease *lease, struct arena *arena)
{
	struct json_in element;
	size_t count = json_count(in, "resources");

	lease->resources = arena_take(arena, count * sizeof *lease->resources);
	for (size_t i = 0; i < count; i++)
		if (json_element(in, "resources", i, &element))
			read_resource(&element,
				&lease->resources[lease->resource_count++]);
}

static void read_phase(
	const struct json_in *in, struct lease *lease, struct arena *arena)
{
	struct json_in cluster;

	lease->goal = (enum goal)read_word(in, "goal", &goal_words);
	json_i64(in, "age_ms", &lease->age_ms);
	json_int(in, "older_leases", &lease->older_leases);
	if (json_into(in, "cluster", &cluster))
		read_cluster(&cluster, &lease->cluster, arena);
	read_resources(in, lease, arena);
}

static bool read_lease(
	const char *text, const struct lease_ask *ask, struct err *err)
{
	struct lease *lease = ask->lease;
	struct json_object *root = json_parse(text, strlen(text), err);
	struct json_in in = {root, "lease", err};

	json_i64(&in, "lease_token", &lease->token);
	json_int(&in, "leases", &lease->lease_count);
	json_int(&in, "failures", &lease->failures);
	json_text(&in, "credential_id", lease->credential_id,
		sizeof lease->credential_id);
	lease->sealed_token =
		arena_copy_text(ask->arena, json_text_ref(&in, "sealed_token"));
	if (ask->job->type == JOB_CLUSTER_PHASE)
		read_phase(&in, lease, ask->arena);
	json_free(root);
	/* What the database says itself is never the sender's fault. */
	if (err->kind == ERR_BAD_INPUT)
		err->kind = ERR_BUG;
	return !err->kind;
}

static bool read_verdicts(
	const PGresult *result, const struct lease_ask *asks, struct err *err)
{
	for (int i = 0; i < PQntuples(result); i++) {
		const struct lease_ask *ask = &asks[store_i64(result, i, 0)];
		int verdict =
			words_find(&verdict_words, store_text(result, i, 1));
		*ask->lease = (struct lease){
			.verdict = verdict < 0 ? LEASE_VOID
					       : (enum lease_verdict)verdict,
			.wait_ms = store_int(result, i, 2),
		};
		const char *text = store_text(result, i, 3);
		if (text && !read_lease(text, ask, err))
			return false;
	}
	return true;
}

/* Claims the jobs that are phases, or those that are validations. */
static bool claim(struct store *store, bool phases, const char *worker,
	int lease_ms, const struct lease_ask *asks, size_t count,
	struct err *err)
{
	struct json_object *jobs = json_new_array();
	size_t found = 0;
	PGresult *result = NULL;
	char lease_text[16];

	for (size_t i = 0; i < count; i++) {
		if ((asks[i].job->type == JOB_CLUSTER_PHASE) != phases)
			continue;
		add_job(jobs, asks[i].job, i);
		found++;
	}
	snprintf(lease_text, sizeof lease_text, "%d", lease_ms);
	const char *parameters[] = {json_write(jobs), worker, lease_text};
	if (found)
		result = store_run(store,
			phases ? &lease_phases : &lease_credentials, parameters,
			err);
	json_free(jobs);
	bool ok = !found || (result && read_verdicts(result, asks, err));
	PQclear(result);
	return ok;
}

bool store_lease(struct store *store, const char *worker, int lease_ms,
	const struct lease_ask *asks, size_t count, struct outbox *written,
	struct err *err)
{
	if (store_begin(store, err) &&
		claim(store, true, worker, lease_ms, asks, count, err) &&
		claim(store, false, worker, lease_ms, asks, count, err) &&
		store_written(store, written, err) && store_end(store, err))
		return true;
	store_abandon(store);
	return false;
}
