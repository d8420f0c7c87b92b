/*
 * Clusters as the operator sees them: creating, deleting, retrying, showing,
 * and what opens the way into one.
 */
#include "database.h"
#include <byoc/json.h>
#include <byoc/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Gives the credential's status back, and no row when there is no such
 * credential. It is locked against being deleted meanwhile.
 */
static const char sql_credential_status[] =
	"SELECT name, status, coalesce(reason, '') FROM byoc.credentials"
	" WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE";

static const char sql_create[] =
	"INSERT INTO byoc.clusters (id, name, credential_id, location, type,"
	" workers, server_type, ssh_sources, pod_security,"
	" api_sources, ingress)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8::cidr[],"
	" coalesce($9, 'baseline'), $10::cidr[],"
	" coalesce($11, 'none'))";

static const char sql_of_name[] =
	"SELECT id, status FROM byoc.clusters WHERE credential_id = $1"
	" AND name = $2 AND status <> 'deleted' ORDER BY created_at LIMIT 1";

static const char sql_provision[] =
	"SELECT byoc.enqueue('cluster.provision', $1::uuid)";

static const char sql_teardown[] =
	"SELECT byoc.enqueue('cluster.teardown', $1::uuid, NULL, $2::jsonb)";

static const char sql_planned[] =
	"SELECT data FROM byoc.events WHERE cluster_id = $1"
	" AND name = 'deletion_planned' AND data ->> 'job_id' = $2";

/* Nothing of a cluster that does not stand still. */
static const char sql_repair[] =
	"SELECT byoc.enqueue('cluster.repair', id) FROM byoc.clusters"
	" WHERE id = $1 AND status = 'running' AND NOT active";

static const char sql_retry[] =
	"SELECT byoc.retry_cluster(id) FROM byoc.clusters"
	" WHERE id = $1 AND status = 'failed'";

#define CLUSTER                                                                \
	"'id', c.id, 'name', c.name, 'credential_id', c.credential_id,"        \
	" 'location', c.location, 'type', c.type, 'workers', c.workers,"       \
	" 'server_type', c.server_type, 'ssh_sources', c.ssh_sources,"         \
	" 'api_sources', c.api_sources, 'pod_security', c.pod_security,"       \
	" 'ingress', c.ingress,"                                               \
	" 'protected', c.protected,"                                           \
	" 'status', c.status, 'goal', c.goal, 'run', c.run,"                   \
	" 'code', c.code, 'reason', c.reason, 'endpoint',"                     \
	" (SELECT 'https://' || host(r.public_address) || ':6443'"             \
	"  FROM byoc.resources r WHERE r.cluster_id = c.id"                    \
	"  AND r.phase = 'load_balancer'), 'egress_address',"                  \
	" (SELECT host(r.public_address) FROM byoc.resources r"                \
	"  WHERE r.cluster_id = c.id AND r.phase = 'gateway_address'),"        \
	" 'created_at', " UTC("c.created_at") ","                              \
					      " 'changed_at', " UTC(           \
						      "c.changed_at")

static const char sql_clusters[] =
	"SELECT coalesce(json_agg(json_build_object(" CLUSTER ")"
	" ORDER BY c.created_at), '[]') FROM byoc.clusters c"
	" WHERE c.status <> 'deleted' OR $1::boolean";

/* What deletions met with, in the order in which it went. */
#define RECEIPT                                                                                \
	" 'swept_at', " UTC(                                                                   \
		"c.swept_at") ", 'receipt', ("                                                 \
			      "  SELECT coalesce(json_agg(json_build_object("                  \
			      "   'fate', t.fate, 'kind', t.kind, 'id', t.hetzner_id,"         \
			      "   'name', t.name, 'why', t.why, 'at', " UTC(                   \
				      "t.at") ")"                                              \
					      "   ORDER BY t.fate, t.at, t.hetzner_id), '[]')" \
					      "  FROM byoc.receipts t WHERE t.cluster_id = c.id)"

/* Phases in the order in which they began, then by what they wait for. */
static const char sql_cluster[] =
	"SELECT json_build_object(" CLUSTER ", 'phases', ("
	"  SELECT coalesce(json_agg(json_build_object("
	"   'phase', p.phase, 'index', p.index, 'status', p.status,"
	"   'failures', p.failures, 'code', p.code, 'reason', p.reason,"
	"   'started_at', " UTC(
		"p.started_at") ","
				"   'finished_at', " UTC(
					"p.finished_at") ")"
							 "   ORDER BY p.started_at NULLS LAST, cardinality(p.needs), p.phase,"
							 "   p.index), '[]')"
							 "  FROM byoc.phases p WHERE p.cluster_id = c.id AND p.run = c.run),"
							 " 'resources', ("
							 "  SELECT coalesce(json_agg(json_build_object("
							 "   'kind', r.kind, 'id', r.hetzner_id, 'name', r.name,"
							 "   'phase', r.phase, 'index', r.index,"
							 "   'public_address', host(r.public_address),"
							 "   'private_address', host(r.private_address))"
							 "   ORDER BY r.created_at, r.kind, r.index), '[]')"
							 "  FROM byoc.resources r WHERE r.cluster_id = c.id)," RECEIPT
							 ")"
							 " FROM byoc.clusters c WHERE c.id = $1";

static const char sql_access[] =
	"SELECT c.name, c.sealed_authorities, c.sealed_ssh_private_key,"
	" (SELECT host(r.public_address) FROM byoc.resources r"
	"  WHERE r.cluster_id = c.id AND r.phase = 'load_balancer'),"
	" (SELECT host(r.public_address) FROM byoc.resources r"
	"  WHERE r.cluster_id = c.id AND r.phase = 'nat_gateway'),"
	" c.status"
	" FROM byoc.clusters c WHERE c.id = $1";

static bool refuse_unready(const PGresult *credential, struct err *err)
{
	const char *name = PQgetvalue(credential, 0, 0);
	const char *reason = PQgetvalue(credential, 0, 2);

	if (strcmp(PQgetvalue(credential, 0, 1), "invalid") != 0)
		return err_set(err, ERR_REFUSED, "credential_not_ready",
			"credential '%.63s' is pending_validation: wait until "
			"a worker has checked its token, with "
			"`byoc credential validate %.63s --wait`",
			name, name);
	return err_set(err, ERR_REFUSED, "credential_not_ready",
		"credential '%.63s' is invalid: %.160s Store a good token with "
		"`byoc credential rotate %.63s`",
		name, reason, name);
}

static bool credential_ready(
	struct console *console, const char *id, struct err *err)
{
	PGresult *credential = console_rows(
		console->connection, sql_credential_status, PARAMS(id), err);
	bool ready = false;

	if (credential && PQntuples(credential) == 0)
		err_set(err, ERR_REFUSED, "not_found",
			"there is no such credential any more");
	else if (credential)
		ready = strcmp(PQgetvalue(credential, 0, 1), "ready") == 0 ||
			refuse_unready(credential, err);
	PQclear(credential);
	return ready;
}

PGresult *console_cluster_of_name(PGconn *connection, const char *credential,
	const char *name, struct err *err)
{
	return console_rows(
		connection, sql_of_name, PARAMS(credential, name), err);
}

/* Who asks twice, because the first answer was lost, would pay twice. */
static bool name_free(struct console *console, const struct cluster_wish *wish,
	struct err *err)
{
	if (wish->same_name)
		return true;
	PGresult *row = console_cluster_of_name(
		console->connection, wish->credential_id, wish->name, err);
	bool is_free = row && PQntuples(row) == 0;

	if (row && !is_free)
		err_set(err, ERR_REFUSED, "name_taken",
			"this credential has a cluster '%s' already (%.8s, "
			"%s): choose another name, or say --allow-same-name",
			wish->name, PQgetvalue(row, 0, 0),
			PQgetvalue(row, 0, 1));
	PQclear(row);
	return is_free;
}

bool console_create_cluster(struct console *console,
	const struct cluster_wish *wish, struct err *err)
{
	PGconn *connection = console->connection;
	char workers[16];

	snprintf(workers, sizeof workers, "%d", wish->workers);
	bool ok = console_begin(connection, err) &&
		  credential_ready(console, wish->credential_id, err) &&
		  name_free(console, wish, err) &&
		  console_run(connection, sql_create,
			  PARAMS(wish->id, wish->name, wish->credential_id,
				  wish->location, wish->type, workers,
				  wish->server_type, wish->ssh_sources,
				  wish->pod_security, wish->api_sources,
				  wish->ingress),
			  err) &&
		  console_run(connection, sql_provision, PARAMS(wish->id), err);
	return console_end(connection, ok, err);
}

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

bool console_delete_cluster(struct console *console, const char *id,
	const struct removal *removal, struct err *err)
{
	struct json_object *options = describe_options(removal);
	bool ok = console_run(console->connection, sql_teardown,
		PARAMS(id, json_write(options)), err);

	json_free(options);
	return ok;
}

bool console_plan_deletion(struct console *console, const char *id,
	const struct removal *removal, char job[UUID_SIZE], struct err *err)
{
	struct json_object *options = describe_options(removal);

	json_add_bool(options, "dry_run", true);
	PGresult *row = console_rows(console->connection, sql_teardown,
		PARAMS(id, json_write(options)), err);
	if (row)
		snprintf(job, UUID_SIZE, "%s", PQgetvalue(row, 0, 0));
	PQclear(row);
	json_free(options);
	return row;
}

struct json_object *console_planned_deletion(struct console *console,
	const char *id, const char *job, struct err *err)
{
	return console_json(
		console->connection, sql_planned, PARAMS(id, job), err);
}

bool console_repair_cluster(
	struct console *console, const char *id, struct err *err)
{
	PGresult *asked =
		console_rows(console->connection, sql_repair, PARAMS(id), err);
	bool ok = asked && (PQntuples(asked) > 0 ||
				   err_set(err, ERR_REFUSED, "not_running",
					   "only a cluster that runs can be "
					   "repaired, while nothing else is "
					   "done to it"));

	PQclear(asked);
	return ok;
}

bool console_retry_cluster(
	struct console *console, const char *id, struct err *err)
{
	PGresult *retried =
		console_rows(console->connection, sql_retry, PARAMS(id), err);
	bool ok =
		retried && (PQntuples(retried) > 0 ||
				   err_set(err, ERR_REFUSED, "not_failed",
					   "the cluster has not failed: there "
					   "is nothing to retry"));

	PQclear(retried);
	return ok;
}

struct json_object *console_clusters(
	struct console *console, bool deleted_too, struct err *err)
{
	return console_json(console->connection, sql_clusters,
		PARAMS(deleted_too ? "true" : "false"), err);
}

struct json_object *console_cluster(
	struct console *console, const char *id, struct err *err)
{
	return console_json(console->connection, sql_cluster, PARAMS(id), err);
}

static char *copy_cell(const PGresult *row, int column)
{
	return PQgetisnull(row, 0, column)
		       ? NULL
		       : memory_copy_text(PQgetvalue(row, 0, column));
}

bool console_access(struct console *console, const char *id,
	struct cluster_access *access, struct err *err)
{
	PGresult *row =
		console_rows(console->connection, sql_access, PARAMS(id), err);
	bool found = row && (PQntuples(row) > 0 ||
				    err_set(err, ERR_REFUSED, "not_found",
					    "there is no such cluster"));

	*access = (struct cluster_access){0};
	if (found) {
		snprintf(access->name, sizeof access->name, "%s",
			PQgetvalue(row, 0, 0));
		access->sealed_authorities = copy_cell(row, 1);
		access->sealed_ssh_private_key = copy_cell(row, 2);
		snprintf(access->server, sizeof access->server, "%s",
			PQgetvalue(row, 0, 3));
		snprintf(access->gateway, sizeof access->gateway, "%s",
			PQgetvalue(row, 0, 4));
		access->deleted = strcmp(PQgetvalue(row, 0, 5), "deleted") == 0;
	}
	PQclear(row);
	return found;
}

void cluster_access_clear(struct cluster_access *access)
{
	free(access->sealed_authorities);
	free(access->sealed_ssh_private_key);
	*access = (struct cluster_access){0};
}
