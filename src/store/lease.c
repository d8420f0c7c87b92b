/*
 * Leases: all jobs that came in are claimed together, and each comes back with
 * everything that its phase may need to know; those in the air are held.
 */
#include "store.h"

#include <json-c/json.h>
#include <string.h>

const struct statement lease_phases = {"lease_phases",
	"SELECT n, verdict, wait_ms, lease FROM byoc.lease_phases("
	"$1::jsonb, $2::uuid, $3::integer, $4::integer, $5::jsonb)",
	5, true};

const struct statement lease_credentials = {"lease_credentials",
	"SELECT n, verdict, wait_ms, lease FROM byoc.lease_credentials("
	"$1::jsonb, $2::uuid, $3::integer)",
	3, true};

const struct statement renew_leases = {"renew_leases",
	"SELECT byoc.renew_leases($1::jsonb, $2::integer)", 2, false};

static const char *const verdict_text[] = {
	[LEASE_VOID] = "void",
	[LEASE_TAKEN] = "leased",
	[LEASE_BUSY] = "busy",
	[LEASE_CROWDED] = "crowded",
	[LEASE_UNKNOWN] = "unknown",
};
static const struct words verdict_words = {
	"verdict", verdict_text, COUNT(verdict_text)};

static bool is_phase(const struct job *job)
{
	return job->type == JOB_CLUSTER_PHASE;
}

static struct json_object *describe_subject(const struct job *job, size_t n)
{
	struct json_object *row = json_new();

	json_add_i64(row, "n", (int64_t)n);
	if (is_phase(job)) {
		json_add_text(row, "cluster_id", job->subject);
		json_add_i64(row, "run", job->run);
		json_add_text(row, "phase", job->phase);
		json_add_i64(row, "index", job->index);
	} else {
		json_add_text(row, "credential_id", job->subject);
	}
	return row;
}

static struct json_object *describe_ask(const struct lease_ask *ask, size_t n)
{
	struct json_object *row = describe_subject(ask->job, n);

	json_add_text(row, "job_id", ask->job->id);
	if (ask->job->type == JOB_CREDENTIAL_AUDIT)
		json_add_bool(row, "audit", true);
	if (!is_phase(ask->job) && ask->job->traceparent[0])
		json_add_text(row, "traceparent", ask->job->traceparent);
	if (ask->mine)
		json_add_bool(row, "mine", true);
	return row;
}

static struct json_object *describe_places(const struct lease_terms *terms)
{
	struct json_object *places = json_new();

	for (size_t i = 0; i < terms->place_count; i++)
		json_add_i64(places, terms->places[i].credential_id,
			terms->places[i].free);
	return places;
}

struct transaction *store_send_leases(struct store *store,
	const struct lease_terms *terms, const struct lease_ask *asks,
	size_t count)
{
	bool phases = is_phase(asks[0].job);
	struct transaction *transaction =
		transaction_new(phases ? &lease_phases : &lease_credentials);
	const char **parameters = transaction->parameters;
	struct json_object *rows = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_append(rows, describe_ask(&asks[i], i));
	parameters[0] = parameter_json(transaction, rows);
	parameters[1] = arena_copy_text(transaction->arena, terms->worker);
	parameters[2] = parameter_i64(transaction, terms->lease_ms);
	if (phases) {
		parameters[3] = parameter_i64(transaction, terms->share);
		parameters[4] =
			parameter_json(transaction, describe_places(terms));
	}
	store_send(store, LANE_INTAKE, transaction);
	return transaction;
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
	cluster->pod_security = (enum pod_security)read_word(
		in, "pod_security", &pod_security_words);
	cluster->ingress =
		(enum ingress)read_word(in, "ingress", &ingress_words);
	json_flag(in, "was_ready", &cluster->was_ready);
	json_text(in, "api_sources", cluster->api_sources,
		sizeof cluster->api_sources);
	json_text(in, "ssh_sources", cluster->ssh_sources,
		sizeof cluster->ssh_sources);
	json_opt_text(in, "ssh_public_key", cluster->ssh_public_key,
		sizeof cluster->ssh_public_key);
	cluster->sealed_authorities = arena_copy_text(
		arena, json_opt_text_ref(in, "sealed_authorities"));
	cluster->sealed_join_token = arena_copy_text(
		arena, json_opt_text_ref(in, "sealed_join_token"));
}

static void read_resource(const struct json_in *in, struct resource *resource,
	struct arena *arena)
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
	resource->why = arena_copy_text(arena, json_opt_text_ref(in, "why"));
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
				&lease->resources[lease->resource_count++],
				arena);
}

/* As much of each as says what an audit should find. */
static void read_audited(
	const struct json_in *in, struct lease *lease, struct arena *arena)
{
	struct json_in element;
	size_t count = json_count(in, "clusters");
	struct cluster *clusters = arena_take(arena, count * sizeof *clusters);

	for (size_t i = 0; i < count; i++) {
		struct cluster *cluster = &clusters[lease->audited_count];
		*cluster = (struct cluster){0};
		if (!json_element(in, "clusters", i, &element))
			break;
		json_text(&element, "id", cluster->id, sizeof cluster->id);
		json_text(&element, "api_sources", cluster->api_sources,
			sizeof cluster->api_sources);
		json_text(&element, "ssh_sources", cluster->ssh_sources,
			sizeof cluster->ssh_sources);
		lease->audited_count++;
	}
	lease->audited = clusters;
}

static void read_removal(const struct json_in *in, struct removal *removal)
{
	struct json_object *swept = NULL;

	json_opt_flag(in, "with_neighbours", &removal->with_neighbours);
	json_opt_flag(in, "keep_volumes", &removal->keep_volumes);
	json_opt_flag(in, "all_gone", &removal->all_gone);
	json_int(in, "token_version", &removal->token_version);
	json_flag(in, "unproven", &removal->unproven);
	json_object_object_get_ex(in->at, "swept", &swept);
	size_t count = json_count(in, "swept");
	for (size_t i = 0; i < count; i++) {
		int kind = words_find(&resource_kind_words,
			json_object_get_string(
				json_object_array_get_idx(swept, i)));
		if (kind >= 0)
			removal->swept_kinds |= 1u << kind;
	}
}

static void read_phase(
	const struct json_in *in, struct lease *lease, struct arena *arena)
{
	struct json_in removal;

	lease->goal = (enum goal)read_word(in, "goal", &goal_words);
	json_int(in, "outages", &lease->outages);
	json_i64(in, "age_ms", &lease->age_ms);
	json_int(in, "older_leases", &lease->older_leases);
	read_cluster(in, &lease->cluster, arena);
	if (json_opt_into(in, "removal", &removal))
		read_removal(&removal, &lease->removal);
}

static void read_lease(const char *text, const struct lease_ask *ask)
{
	struct lease *lease = ask->lease;
	struct err *err = ask->err;
	struct json_object *root = json_parse(text, strlen(text), err);
	struct json_in in = {root, "lease", err};

	json_text(&in, "credential_id", lease->credential_id,
		sizeof lease->credential_id);
	if (lease->verdict == LEASE_TAKEN) {
		json_i64(&in, "lease_token", &lease->token);
		json_int(&in, "leases", &lease->lease_count);
		json_int(&in, "failures", &lease->failures);
		lease->sealed_token = arena_copy_text(
			ask->arena, json_text_ref(&in, "sealed_token"));
		json_opt_flag(&in, "prices_due", &lease->prices_due);
		json_opt_flag(&in, "audit_due", &lease->audit_due);
		if (is_phase(ask->job))
			read_phase(&in, lease, ask->arena);
		read_resources(&in, lease, ask->arena);
		read_audited(&in, lease, ask->arena);
	}
	json_free(root);
	/* What the database says itself is never the sender's fault. */
	if (err->kind == ERR_BAD_INPUT)
		err->kind = ERR_BUG;
}

void store_read_leases(const struct transaction *transaction,
	const struct lease_ask *asks, size_t count)
{
	const PGresult *rows = transaction->rows;

	for (int i = 0; i < PQntuples(rows); i++) {
		size_t n = (size_t)store_i64(rows, i, 0);
		int verdict =
			words_find(&verdict_words, store_text(rows, i, 1));
		const char *text = store_text(rows, i, 3);

		if (n >= count)
			continue;
		*asks[n].lease = (struct lease){
			.verdict = verdict < 0 ? LEASE_VOID
					       : (enum lease_verdict)verdict,
			.wait_ms = store_int(rows, i, 2),
		};
		if (text)
			read_lease(text, &asks[n]);
	}
}

struct transaction *store_send_renewals(struct store *store, int lease_ms,
	const struct renewal *renewals, size_t count)
{
	struct transaction *transaction = transaction_new(&renew_leases);
	struct json_object *rows = json_new_array();

	for (size_t i = 0; i < count; i++) {
		struct json_object *row = describe_subject(renewals[i].job, i);
		json_add_i64(row, "lease_token", renewals[i].lease_token);
		json_append(rows, row);
	}
	transaction->parameters[0] = parameter_json(transaction, rows);
	transaction->parameters[1] = parameter_i64(transaction, lease_ms);
	store_send(store, LANE_OUTCOMES, transaction);
	return transaction;
}
