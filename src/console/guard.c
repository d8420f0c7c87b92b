/*
 * What an operator may allow and forbid: limits of credentials, and the
 * protection of clusters from deletion.
 */
#include "database.h"

/* "default" takes a limit away, NULL leaves it as it is. */
#define LIMIT(column, parameter)                                               \
	"CASE WHEN " parameter "::text IS NULL THEN " column                   \
	" WHEN " parameter "::text <> 'default' THEN " parameter               \
	"::text::integer END"

static const char sql_set_limits[] =
	"SELECT byoc.set_limits(id, " LIMIT("most_clusters", "$2") ", " LIMIT(
		"most_jobs", "$3") ") FROM byoc.credentials WHERE id = $1";

static const char sql_limits[] =
	"SELECT json_build_object('id', k.id, 'name', k.name,"
	" 'clusters', byoc.clusters_alive(k.id), 'most_clusters', l.clusters,"
	" 'jobs', byoc.jobs_waiting(k.id), 'most_jobs', l.jobs)"
	" FROM byoc.credentials k, byoc.limits_of(k.id) l WHERE k.id = $1";

static const char sql_protect[] =
	"SELECT byoc.protect_cluster($1, $2::boolean)";

bool console_set_limits(struct console *console, const char *id,
	const char *clusters, const char *jobs, struct err *err)
{
	return console_run(console->connection, sql_set_limits,
		PARAMS(id, clusters, jobs), err);
}

struct json_object *console_limits(
	struct console *console, const char *id, struct err *err)
{
	return console_json(console->connection, sql_limits, PARAMS(id), err);
}

bool console_protect_cluster(
	struct console *console, const char *id, bool protect, struct err *err)
{
	return console_run(console->connection, sql_protect,
		PARAMS(id, protect ? "true" : "false"), err);
}
