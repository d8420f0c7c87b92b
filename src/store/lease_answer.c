/*
 * What the database answers to who asks for leases: of a phase's in columns,
 * for it is asked for most; of a validation's in JSON.
 */
#include "store.h"

#include <string.h>

/* The columns that both answers begin with, and the validation's lease. */
enum { COLUMN_N, COLUMN_VERDICT, COLUMN_WAIT_MS, COLUMN_LEASE };

/* The others of a phase's. */
#define PHASE_COLUMNS(COLUMN)                                                  \
	COLUMN(credential_id)                                                  \
	COLUMN(goal)                                                           \
	COLUMN(lease_token)                                                    \
	COLUMN(leases)                                                         \
	COLUMN(failures)                                                       \
	COLUMN(outages)                                                        \
	COLUMN(age_ms)                                                         \
	COLUMN(older_leases)                                                   \
	COLUMN(removal)                                                        \
	COLUMN(sealed_token)                                                   \
	COLUMN(id)                                                             \
	COLUMN(name)                                                           \
	COLUMN(location)                                                       \
	COLUMN(type)                                                           \
	COLUMN(workers)                                                        \
	COLUMN(status)                                                         \
	COLUMN(server_type)                                                    \
	COLUMN(gateway_type)                                                   \
	COLUMN(pod_security)                                                   \
	COLUMN(was_ready)                                                      \
	COLUMN(ingress)                                                        \
	COLUMN(api_sources)                                                    \
	COLUMN(ssh_sources)                                                    \
	COLUMN(ssh_public_key)                                                 \
	COLUMN(sealed_authorities)                                             \
	COLUMN(sealed_join_token)                                              \
	COLUMN(resources)

#define IN_ENUM(name) COLUMN_##name,
#define IN_SELECT(name) ", " #name
enum column { COLUMN_BEFORE = COLUMN_WAIT_MS, PHASE_COLUMNS(IN_ENUM) };

const struct statement lease_phases = {"lease_phases",
	"SELECT n, verdict, wait_ms" PHASE_COLUMNS(
		IN_SELECT) " FROM byoc.lease_phases("
			   "$1::byoc.phase_job[], $2::uuid, $3::integer,"
			   " $4::integer, $5::jsonb)",
	5, true};

const struct statement lease_credentials = {"lease_credentials",
	"SELECT n, verdict, wait_ms, lease FROM byoc.lease_credentials("
	"$1::jsonb, $2::uuid, $3::integer)",
	3, true};

static const char *const verdict_text[] = {
	[LEASE_VOID] = "void",
	[LEASE_TAKEN] = "leased",
	[LEASE_BUSY] = "busy",
	[LEASE_CROWDED] = "crowded",
	[LEASE_UNKNOWN] = "unknown",
};
static const struct words verdict_words = {
	"verdict", verdict_text, COUNT(verdict_text)};

/* ---- Columns ---- */

struct row {
	const PGresult *rows;
	int number;
	struct err *err;
};

static const char *text_in(const struct row *row, int column)
{
	return store_text(row->rows, row->number, column);
}

static int int_in(const struct row *row, int column)
{
	return store_int(row->rows, row->number, column);
}

static void copy_in(const struct row *row, int column, char *out, size_t size)
{
	const char *text = text_in(row, column);

	if (!text)
		return;
	if (strlen(text) >= size)
		err_set(row->err, ERR_BUG, "database_refused",
			"%s is longer than %zu bytes",
			PQfname(row->rows, column), size - 1);
	else
		strcpy(out, text);
}

static int word_in(const struct row *row, int column, const struct words *words)
{
	const char *text = text_in(row, column);
	int found = text ? words_find(words, text) : -1;

	if (found >= 0)
		return found;
	err_set(row->err, ERR_BUG, "database_refused", "%s is no %s",
		PQfname(row->rows, column), words->what);
	return 0;
}

static struct json_object *parse_in(const struct row *row, int column)
{
	const char *text = text_in(row, column);

	return text ? json_parse(text, strlen(text), row->err) : NULL;
}

/* ---- A phase's ---- */

static void read_cluster(
	const struct row *row, struct cluster *cluster, struct arena *arena)
{
	copy_in(row, COLUMN_id, cluster->id, sizeof cluster->id);
	copy_in(row, COLUMN_name, cluster->name, sizeof cluster->name);
	cluster->location =
		(enum location)word_in(row, COLUMN_location, &location_words);
	cluster->type = (enum cluster_type)word_in(
		row, COLUMN_type, &cluster_type_words);
	cluster->status = (enum cluster_status)word_in(
		row, COLUMN_status, &cluster_status_words);
	cluster->workers = int_in(row, COLUMN_workers);
	copy_in(row, COLUMN_server_type, cluster->server_type,
		sizeof cluster->server_type);
	copy_in(row, COLUMN_gateway_type, cluster->gateway_type,
		sizeof cluster->gateway_type);
	cluster->pod_security = (enum pod_security)word_in(
		row, COLUMN_pod_security, &pod_security_words);
	cluster->ingress =
		(enum ingress)word_in(row, COLUMN_ingress, &ingress_words);
	cluster->was_ready = text_in(row, COLUMN_was_ready)[0] == 't';
	copy_in(row, COLUMN_api_sources, cluster->api_sources,
		sizeof cluster->api_sources);
	copy_in(row, COLUMN_ssh_sources, cluster->ssh_sources,
		sizeof cluster->ssh_sources);
	copy_in(row, COLUMN_ssh_public_key, cluster->ssh_public_key,
		sizeof cluster->ssh_public_key);
	cluster->sealed_authorities =
		arena_copy_text(arena, text_in(row, COLUMN_sealed_authorities));
	cluster->sealed_join_token =
		arena_copy_text(arena, text_in(row, COLUMN_sealed_join_token));
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
	resource->service =
		arena_copy_text(arena, json_opt_text_ref(in, "service"));
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

static void read_services(
	const struct json_in *in, struct removal *removal, struct arena *arena)
{
	size_t count = json_count(in, "services");
	const char **services = arena_take(arena, count * sizeof *services);

	for (size_t i = 0; i < count; i++) {
		const char *text = json_element_text_ref(in, "services", i);
		if (text)
			services[removal->service_count++] =
				arena_copy_text(arena, text);
	}
	removal->services = services;
}

static void read_removal(
	const struct json_in *in, struct removal *removal, struct arena *arena)
{
	size_t count = json_count(in, "swept");

	json_opt_flag(in, "with_neighbours", &removal->with_neighbours);
	json_opt_flag(in, "keep_volumes", &removal->keep_volumes);
	json_opt_flag(in, "all_gone", &removal->all_gone);
	json_int(in, "token_version", &removal->token_version);
	json_flag(in, "unproven", &removal->unproven);
	for (size_t i = 0; i < count; i++) {
		int kind = words_find(&resource_kind_words,
			json_element_text_ref(in, "swept", i));
		if (kind >= 0)
			removal->swept_kinds |= 1u << kind;
	}
	read_services(in, removal, arena);
}

/* What may be any number of things is JSON here, too. */
static void read_lists(
	const struct row *row, struct lease *lease, struct arena *arena)
{
	struct json_object *lists = json_new();
	const struct json_in in = {lists, "lease", row->err};
	struct json_in removal;

	json_add(lists, "resources", parse_in(row, COLUMN_resources));
	json_add(lists, "removal", parse_in(row, COLUMN_removal));
	read_resources(&in, lease, arena);
	if (json_opt_into(&in, "removal", &removal))
		read_removal(&removal, &lease->removal, arena);
	json_free(lists);
}

static void read_phase(const struct row *row, const struct lease_ask *ask)
{
	struct lease *lease = ask->lease;

	copy_in(row, COLUMN_credential_id, lease->credential_id,
		sizeof lease->credential_id);
	if (lease->verdict != LEASE_TAKEN)
		return;
	lease->goal = (enum goal)word_in(row, COLUMN_goal, &goal_words);
	lease->token = store_i64(row->rows, row->number, COLUMN_lease_token);
	lease->lease_count = int_in(row, COLUMN_leases);
	lease->failures = int_in(row, COLUMN_failures);
	lease->outages = int_in(row, COLUMN_outages);
	lease->age_ms = store_i64(row->rows, row->number, COLUMN_age_ms);
	lease->older_leases = int_in(row, COLUMN_older_leases);
	lease->sealed_token =
		arena_copy_text(ask->arena, text_in(row, COLUMN_sealed_token));
	read_cluster(row, &lease->cluster, ask->arena);
	read_lists(row, lease, ask->arena);
}

/* ---- A validation's ---- */

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

static void read_validation(const struct row *row, const struct lease_ask *ask)
{
	struct lease *lease = ask->lease;
	struct json_object *root = parse_in(row, COLUMN_LEASE);
	const struct json_in in = {root, "lease", row->err};

	if (!root)
		return;
	json_text(&in, "credential_id", lease->credential_id,
		sizeof lease->credential_id);
	json_i64(&in, "lease_token", &lease->token);
	json_int(&in, "leases", &lease->lease_count);
	json_int(&in, "failures", &lease->failures);
	lease->sealed_token =
		arena_copy_text(ask->arena, json_text_ref(&in, "sealed_token"));
	json_opt_flag(&in, "prices_due", &lease->prices_due);
	json_opt_flag(&in, "audit_due", &lease->audit_due);
	read_resources(&in, lease, ask->arena);
	read_audited(&in, lease, ask->arena);
	json_free(root);
}

void store_read_leases(const struct transaction *transaction,
	const struct lease_ask *asks, size_t count)
{
	const PGresult *rows = transaction->rows;
	bool phases = transaction->statement == &lease_phases;

	for (int i = 0; i < PQntuples(rows); i++) {
		size_t n = (size_t)store_i64(rows, i, COLUMN_N);
		int verdict = words_find(
			&verdict_words, store_text(rows, i, COLUMN_VERDICT));

		if (n >= count)
			continue;
		const struct row row = {rows, i, asks[n].err};
		*asks[n].lease = (struct lease){
			.verdict = verdict < 0 ? LEASE_VOID
					       : (enum lease_verdict)verdict,
			.wait_ms = int_in(&row, COLUMN_WAIT_MS),
		};
		if (phases)
			read_phase(&row, &asks[n]);
		else
			read_validation(&row, &asks[n]);
		/* What the database says itself is never the sender's fault. */
		if (row.err->kind == ERR_BAD_INPUT)
			row.err->kind = ERR_BUG;
	}
}
