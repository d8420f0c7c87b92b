/*
 * The page's connection to the database, and what it shows of it. Only what
 * byoc_dashboard was granted is named here. A connection that broke is made
 * anew at the next question.
 */
#include "api_part.h"

#include <byoc/json.h>
#include <byoc/memory.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* The run that is shown: a list before a deletion is a run as well, which would
 * take the place of what built the cluster. */
#define SHOWN_RUN                                                              \
	"(SELECT max(l.run) FROM byoc.phases l"                                \
	" WHERE l.cluster_id = c.id AND l.phase <> 'survey')"

#define PHASES                                                                 \
	"(SELECT coalesce(json_agg(json_build_object('phase', p.phase,"        \
	" 'index', p.index, 'needs', p.needs, 'status', p.status,"             \
	" 'reason', p.reason, 'from', p.started_at, 'until', p.finished_at)"   \
	" ORDER BY p.started_at, p.phase, p.index), '[]')"                     \
	" FROM byoc.phases p WHERE p.cluster_id = c.id AND p.run = " SHOWN_RUN \
	")"

#define NODES                                                                  \
	"(SELECT coalesce(json_agg(json_build_object('name', r.name, 'phase'," \
	" r.phase, 'public', host(r.public_address), 'private',"               \
	" host(r.private_address)) ORDER BY r.phase, r.index), '[]')"          \
	" FROM byoc.resources r WHERE r.cluster_id = c.id AND"                 \
	" r.kind IN ('server', 'load_balancer'))"

/* What is in the way of a deletion, or stays behind it. */
#define KEPT                                                                   \
	"(SELECT coalesce(json_agg(json_build_object('kind', k.kind, 'name',"  \
	" k.name, 'why', k.why) ORDER BY k.at, k.hetzner_id), '[]')"           \
	" FROM byoc.receipts k WHERE k.cluster_id = c.id"                      \
	" AND k.fate = 'kept' AND c.status IN ('deleting', 'failed'))"

static const char sql_clusters[] =
	"SELECT coalesce(json_agg(json_build_object('id', c.id, 'name', c.name,"
	" 'credential_id', c.credential_id, 'location', c.location, 'type',"
	" c.type, 'workers', c.workers, 'status', c.status, 'goal', c.goal,"
	" 'code', c.code, 'reason', c.reason, 'server_type', c.server_type,"
	" 'api_sources', c.api_sources, 'ssh_sources', c.ssh_sources,"
	" 'ingress', c.ingress, 'pod_security', c.pod_security,"
	" 'removal', c.removal, 'kept', " KEPT
	", 'protected', c.protected, 'phases', " PHASES ", 'nodes', " NODES
	", 'cost', byoc.cost(c.credential_id, c.location, c.type, c.workers,"
	" c.server_type, c.gateway_type)) ORDER BY c.name, c.created_at), '[]')"
	" FROM byoc.clusters c WHERE c.status <> 'deleted'";

/* The last ones; their receipts are asked for one by one. */
static const char sql_deleted[] =
	"SELECT coalesce(json_agg(json_build_object('id', d.id, 'name', d.name,"
	" 'changed_at', d.changed_at, 'swept_at', d.swept_at)"
	" ORDER BY d.changed_at DESC), '[]') FROM ("
	" SELECT id, name, changed_at, swept_at FROM byoc.clusters"
	" WHERE status = 'deleted' ORDER BY changed_at DESC LIMIT 10) d";

static const char sql_credentials[] =
	"SELECT coalesce(json_agg(json_build_object('id', id, 'name', name,"
	" 'status', status, 'code', code, 'reason', reason) ORDER BY name),"
	" '[]') FROM byoc.credentials WHERE deleted_at IS NULL";

/* Each subject's last ones are found by an index; the last ones of all would
 * be looked for among all. */
static const char sql_events[] =
	"SELECT coalesce(json_agg(json_build_object('at', e.created_at,"
	" 'subject', e.subject, 'name', e.name, 'phase', e.data ->> 'phase',"
	" 'index', e.data ->> 'index', 'reason', e.data ->> 'reason')"
	" ORDER BY e.created_at DESC), '[]') FROM ("
	" SELECT x.created_at, x.name, x.data, c.name FROM byoc.clusters c,"
	"  LATERAL (SELECT created_at, name, data FROM byoc.events"
	"   WHERE cluster_id = c.id ORDER BY sequence DESC LIMIT 40) x"
	"  WHERE c.status <> 'deleted'"
	"  OR c.changed_at > now() - interval '1 hour'"
	" UNION ALL SELECT x.created_at, x.name, x.data, k.name FROM byoc.credentials k,"
	"  LATERAL (SELECT created_at, name, data FROM byoc.events"
	"   WHERE credential_id = k.id ORDER BY sequence DESC LIMIT 10) x"
	"  WHERE k.deleted_at IS NULL"
	" ORDER BY created_at DESC LIMIT 60) e(created_at, name, data,"
	" subject)";

/* The public half of the key, beside the secret one. */
static bool read_recipient(struct api *api, struct err *err)
{
	char path[PATH_MAX];

	if (!api->recipient_file)
		return true;
	int size = snprintf(path, sizeof path, "%s.pub", api->recipient_file);
	if (size < 0 || (size_t)size >= sizeof path)
		return err_set(err, ERR_BAD_INPUT, "recipient_unreadable",
			"--recipient-key: the path is too long");
	return recipient_read(path, api->recipient_key, err);
}

struct api *api_open(const struct settings *settings,
	const char *recipient_file, struct err *err)
{
	struct api *api = memory_new(sizeof *api);

	api->key_dir = settings->key_dir;
	api->recipient_file = recipient_file;
	if (read_recipient(api, err))
		api->connection = console_connect(&settings->database_url, err);
	if (api->connection)
		return api;
	free(api);
	return NULL;
}

void api_free(struct api *api)
{
	if (!api)
		return;
	PQfinish(api->connection);
	free(api);
}

bool api_connected(struct api *api, struct err *err)
{
	if (PQstatus(api->connection) == CONNECTION_OK)
		return true;
	PQreset(api->connection);
	return PQstatus(api->connection) == CONNECTION_OK ||
	       err_set(err, ERR_RETRY, "database_unreachable",
		       "The database cannot be reached. Try again in a moment.");
}

static void add_part(struct api *api, struct json_object *all, const char *key,
	const char *sql, struct err *err)
{
	struct json_object *part =
		err->kind ? NULL
			  : console_json(api->connection, sql, NO_PARAMS, err);

	if (part)
		json_add(all, key, part);
}

struct json_object *api_overview(struct api *api, struct err *err)
{
	if (!api_connected(api, err))
		return NULL;
	struct json_object *all = json_new();
	add_part(api, all, "clusters", sql_clusters, err);
	add_part(api, all, "deleted", sql_deleted, err);
	add_part(api, all, "credentials", sql_credentials, err);
	add_part(api, all, "events", sql_events, err);
	json_add_bool(all, "opens", api->recipient_file != NULL);
	if (!err->kind)
		return all;
	json_free(all);
	return NULL;
}
