/* All that happens: events of clusters and credentials as they were stored. */
#include "database.h"

#include <byoc/json.h>

/* $1: one subject, or null: all. Its number is that of its last event, also
 * while others are being written: who writes one holds the row. */
#define SUBJECTS                                                               \
	"SELECT cluster_id AS id, sequence FROM byoc.progress"                 \
	" WHERE $1::uuid IS NULL OR cluster_id = $1"                           \
	" UNION ALL SELECT id, sequence FROM byoc.credentials"                 \
	" WHERE $1::uuid IS NULL OR id = $1"

static const char sql_last_events[] =
	"WITH last AS (SELECT e, created_at, sequence FROM byoc.events e"
	" WHERE $1::uuid IS NULL OR cluster_id = $1"
	" ORDER BY created_at DESC, sequence DESC LIMIT $2::integer)"
	" SELECT json_build_object("
	"  'events', (SELECT coalesce(json_agg(" EVENT
	"   ORDER BY created_at, sequence), '[]') FROM last),"
	"  'heads', CASE WHEN $3::boolean THEN (SELECT coalesce("
	"   json_object_agg(id, sequence), '{}') FROM (" SUBJECTS ") s) END)";

/* By the numbers and not by time: an event may be stored a little later than
 * another that happened after it. */
static const char sql_events_behind[] =
	"WITH head AS (SELECT key::uuid AS id, value::bigint AS sequence"
	"  FROM jsonb_each_text($2)),"
	" behind AS (SELECT s.id, coalesce(h.sequence, 0) AS sequence"
	"  FROM (" SUBJECTS ") s LEFT JOIN head h USING (id)"
	"  WHERE s.sequence > coalesce(h.sequence, 0)),"
	/* A subject's in the order of their numbers, though the clock be set
	 * back meanwhile. */
	" news AS (SELECT n.e, n.sequence, max(n.created_at) OVER ("
	"   PARTITION BY b.id ORDER BY n.sequence) AS place"
	"  FROM behind b, LATERAL ("
	"   SELECT e, created_at, sequence FROM byoc.events e"
	"   WHERE cluster_id = b.id AND sequence > b.sequence"
	"   UNION ALL SELECT e, created_at, sequence FROM byoc.events e"
	"   WHERE credential_id = b.id AND sequence > b.sequence) n"
	"  ORDER BY place, n.sequence LIMIT 1000)"
	" SELECT json_build_object('events', (SELECT coalesce(json_agg(" EVENT
	"   ORDER BY place, sequence), '[]') FROM news),"
	"  'more', (SELECT count(*) = 1000 FROM news))";

struct json_object *console_last_events(struct console *console,
	const char *cluster, const char *most, bool heads, struct err *err)
{
	return console_json(console->connection, sql_last_events,
		PARAMS(cluster, most, heads ? "true" : "false"), err);
}

struct json_object *console_events_behind(struct console *console,
	const char *subject, const char *heads, struct err *err)
{
	return console_json(console->connection, sql_events_behind,
		PARAMS(subject, heads), err);
}
