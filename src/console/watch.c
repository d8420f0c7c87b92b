/*
 * What goes on: a cluster's events in their order, and the state of the whole.
 * One statement each, so that what is told fits together.
 */
#include "database.h"
#include <byoc/json.h>
#include <stdio.h>
#include <stdlib.h>

/* Of a cluster that has something asked for, everything so far is old. A
 * deletion that stalled and goes on says so in the middle of its run. */
static const char sql_run_begin[] =
	"SELECT CASE WHEN c.requested_goal IS NOT NULL THEN g.sequence"
	" ELSE coalesce((SELECT e.sequence - 1 FROM byoc.events e"
	"  WHERE e.cluster_id = c.id"
	"  AND e.name IN ('provisioning', 'deleting', 'repairing')"
	"  ORDER BY (e.data ->> 'run')::integer DESC, e.sequence LIMIT 1), 0) END"
	" FROM byoc.clusters c JOIN byoc.progress g ON g.cluster_id = c.id"
	" WHERE c.id = $1";

/* Milliseconds between two moments; null when there is one of them only. */
#define SPAN(from, until)                                                      \
	"(1000 * extract(epoch FROM " until " - " from "))::bigint"

#define SINCE_START SPAN("p.started_at", "clock_timestamp()")
#define TO_FINISH SPAN("p.started_at", "p.finished_at")
#define SINCE_EVENT SPAN("s.created_at", "e.created_at")

/* The event as it is published; the time since the phase's start with it. */
#define MOMENTS                                                                \
	"(SELECT coalesce(json_agg(json_build_object("                         \
	"   'sequence', e.sequence, 'event', e.event, 'took_ms',"              \
	"    (SELECT " SINCE_EVENT " FROM byoc.events s"                       \
	"     WHERE s.cluster_id = e.cluster_id AND s.sequence < e.sequence"   \
	"     AND e.name IN ('phase.done', 'phase.failed')"                    \
	"     AND s.name = 'phase.started'"                                    \
	"     AND s.data ->> 'run' = e.data ->> 'run'"                         \
	"     AND s.data ->> 'phase' = e.data ->> 'phase'"                     \
	"     AND s.data ->> 'index' = e.data ->> 'index'"                     \
	"     ORDER BY s.sequence DESC LIMIT 1))"                              \
	"   ORDER BY e.sequence), '[]') FROM news e)"

#define PHASES                                                                 \
	"(SELECT coalesce(json_agg(json_build_object("                         \
	"   'phase', p.phase, 'index', p.index, 'status', p.status,"           \
	"   'needs', p.needs, 'code', p.code, 'reason', p.reason,"             \
	"   'from_ms', " SINCE_START ", 'took_ms', " TO_FINISH ")"             \
	"   ORDER BY cardinality(p.needs), p.phase, p.index), '[]') FROM p)"

/* Of a run that no event tells of (goal refresh, sweep, survey), since its
 * first phase began. */
#define BEGUN_AT                                                               \
	"coalesce((SELECT min(e.created_at) FROM byoc.events e"                \
	"   WHERE e.cluster_id = c.id"                                         \
	"   AND e.name IN ('provisioning', 'deleting', 'repairing')"           \
	"   AND (e.data ->> 'run')::integer = c.run), min(p.started_at))"
#define ENDED_AT                                                               \
	"CASE WHEN c.active THEN clock_timestamp()"                            \
	" ELSE max(p.finished_at) END"
#define RUN_MS "(SELECT " SPAN(BEGUN_AT, ENDED_AT) " FROM p)"

static const char sql_watch[] =
	"WITH news AS ("
	"  SELECT e.*, " EVENT " AS event FROM byoc.events e"
	"  WHERE cluster_id = $1 AND sequence > $2"
	"  ORDER BY sequence LIMIT 200),"
	" p AS (SELECT p.* FROM byoc.phases p JOIN byoc.clusters c"
	"  ON c.id = p.cluster_id AND c.run = p.run WHERE c.id = $1)"
	" SELECT json_build_object('name', c.name, 'status', c.status,"
	" 'run', c.run, 'active', c.active,"
	" 'code', c.code, 'reason', c.reason, 'endpoint',"
	" (SELECT 'https://' || host(r.public_address) || ':6443'"
	"  FROM byoc.resources r WHERE r.cluster_id = c.id"
	"  AND r.phase = 'load_balancer'), 'settled',"
	" c.requested_goal IS NULL"
	" AND c.status IN ('running', 'deleted', 'failed')"
	" AND c.goal <> 'repair'"
	" AND g.sequence <= greatest($2, (SELECT max(sequence) FROM news)),"
	" 'asked', c.requested_goal IS NOT NULL, 'run_ms', " RUN_MS ","
	" 'done', g.phases_done, 'total', g.phases_total,"
	" 'phases', " PHASES ", 'moments', " MOMENTS ")"
	" FROM byoc.clusters c JOIN byoc.progress g ON g.cluster_id = c.id"
	" WHERE c.id = $1";

/* Of the last hundred clusters of the type; a run that failed has no end here.
 */
static const char sql_usual_run[] =
	"WITH mine AS (SELECT c.id, c.type, c.run, g.* FROM byoc.clusters c"
	"  JOIN (VALUES ('provision', 'provisioning', 'running'),"
	"   ('teardown', 'deleting', 'deleted'),"
	"   ('repair', 'repairing', 'repaired')) g (goal, begins, ends)"
	"  USING (goal) WHERE c.id = $1),"
	" others AS (SELECT c.id FROM byoc.clusters c JOIN mine USING (type)"
	"  ORDER BY c.changed_at DESC LIMIT 100),"
	" runs AS (SELECT"
	"   min(e.created_at) FILTER (WHERE e.name = mine.begins) AS begun_at,"
	"   min(e.created_at) FILTER (WHERE e.name = mine.ends) AS ended_at"
	"  FROM others, mine, byoc.events e WHERE e.cluster_id = others.id"
	"  AND e.name IN (mine.begins, mine.ends)"
	"  AND (e.cluster_id, e.data ->> 'run') <> (mine.id, mine.run::text)"
	"  GROUP BY e.cluster_id, e.data ->> 'run')"
	" SELECT coalesce((percentile_cont(0.5) WITHIN GROUP (ORDER BY"
	"  1000 * extract(epoch FROM ended_at - begun_at)))::bigint, -1)"
	" FROM runs";

/* What is not over lasts until now. */
static const char sql_timeline[] =
	"WITH p AS ("
	"  SELECT p.phase, p.index, p.status, p.started_at,"
	"  coalesce(p.finished_at, CASE WHEN c.active"
	"           THEN clock_timestamp() ELSE p.started_at END) AS ended_at,"
	"  min(p.started_at) OVER () AS begun_at"
	"  FROM byoc.phases p JOIN byoc.clusters c"
	"  ON c.id = p.cluster_id AND c.run = p.run WHERE c.id = $1)"
	" SELECT json_build_object('name', c.name, 'status', c.status,"
	" 'run', c.run, 'total_ms', (SELECT coalesce((1000 *"
	"  extract(epoch FROM max(p.ended_at) - min(p.begun_at)))::bigint, 0)"
	"  FROM p), 'phases', (SELECT coalesce(json_agg(json_build_object("
	"   'phase', p.phase, 'index', p.index, 'status', p.status,"
	"   'from_ms', (1000 * extract(epoch FROM"
	"    p.started_at - p.begun_at))::bigint,"
	"   'until_ms', (1000 * extract(epoch FROM"
	"    p.ended_at - p.begun_at))::bigint)"
	"   ORDER BY p.started_at, p.phase, p.index), '[]') FROM p))"
	" FROM byoc.clusters c WHERE c.id = $1";

static const char sql_status[] =
	"SELECT json_build_object("
	" 'schema_version', (SELECT max(version) FROM byoc.schema_migrations),"
	" 'credentials', (SELECT coalesce(json_object_agg(status, n), '{}')"
	"  FROM (SELECT status, count(*) AS n FROM byoc.credentials"
	"        WHERE deleted_at IS NULL GROUP BY status ORDER BY status) s),"
	" 'clusters', (SELECT coalesce(json_object_agg(status, n), '{}')"
	"  FROM (SELECT status, count(*) AS n FROM byoc.clusters"
	"        GROUP BY status ORDER BY status) s),"
	" 'phases', (SELECT coalesce(json_object_agg(status, n), '{}')"
	"  FROM (SELECT p.status, count(*) AS n FROM byoc.phases p"
	"        JOIN byoc.clusters c ON c.id = p.cluster_id AND c.run = p.run"
	"        WHERE c.active"
	"        GROUP BY p.status ORDER BY p.status) s),"
	" 'outbox', (SELECT json_build_object('rows', count(*), 'oldest_ms',"
	"  CASE WHEN count(*) > 0 THEN greatest(0, 1000 * extract(epoch FROM"
	"  clock_timestamp() - min(due_at)))::bigint END) FROM byoc.outbox),"
	" 'failing', (SELECT json_build_object('phases', count(*),"
	"  'cluster_id', min(p.cluster_id::text))"
	"  FROM byoc.phases p"
	"  JOIN byoc.clusters c ON c.id = p.cluster_id AND c.run = p.run"
	"  WHERE c.active AND p.status IN ('queued', 'leased')"
	"  AND p.failures + p.outages >= 5),"
	" 'unjudged', (SELECT json_build_object('name', name, 'reason', reason)"
	"  FROM byoc.credentials WHERE deleted_at IS NULL"
	"  AND status = 'pending_validation' AND reason IS NOT NULL"
	"  ORDER BY created_at LIMIT 1),"
	" 'leases', leases.total, 'workers', leases.workers)"
	" FROM (SELECT count(*) AS total, count(DISTINCT lease_owner) AS workers"
	"  FROM (SELECT lease_owner FROM byoc.phases"
	"        WHERE status = 'leased' AND lease_until > clock_timestamp()"
	"        UNION ALL SELECT lease_owner FROM byoc.credentials"
	"        WHERE lease_until > clock_timestamp()) l) leases";

int64_t console_run_begin(
	struct console *console, const char *id, struct err *err)
{
	PGresult *row = console_rows(
		console->connection, sql_run_begin, PARAMS(id), err);
	int64_t begin = -1;

	if (row && PQntuples(row) > 0)
		begin = strtoll(PQgetvalue(row, 0, 0), NULL, 10);
	else if (row)
		err_set(err, ERR_REFUSED, "not_found",
			"there is no such cluster");
	PQclear(row);
	return begin;
}

struct json_object *console_watch(
	struct console *console, const char *id, int64_t after, struct err *err)
{
	char number[24];

	snprintf(number, sizeof number, "%lld", (long long)after);
	return console_json(
		console->connection, sql_watch, PARAMS(id, number), err);
}

bool console_usual_run(struct console *console, const char *id,
	int64_t *usual_ms, struct err *err)
{
	PGresult *row = console_rows(
		console->connection, sql_usual_run, PARAMS(id), err);

	if (row)
		*usual_ms = strtoll(PQgetvalue(row, 0, 0), NULL, 10);
	PQclear(row);
	return row;
}

struct json_object *console_timeline(
	struct console *console, const char *id, struct err *err)
{
	return console_json(console->connection, sql_timeline, PARAMS(id), err);
}

struct json_object *console_status(struct console *console, struct err *err)
{
	return console_json(console->connection, sql_status, NO_PARAMS, err);
}
