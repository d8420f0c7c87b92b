/* All that happens: events of clusters and credentials as they were stored. */
#include "database.h"

#include <byoc/json.h>

/*
 * Events come in the order of their moments, but one may be stored a little
 * later than another that happened after it: what is newer than a few seconds
 * is looked through again, but for what was seen. `from` and `seen` are for the
 * next look.
 */
static const char sql_events[] =
	"WITH news AS (SELECT * FROM byoc.events"
	" WHERE ($1::uuid IS NULL OR cluster_id = $1)"
	" AND created_at > $2::timestamptz AND id <> ALL ($3::uuid[])"
	" ORDER BY created_at DESC, sequence DESC LIMIT $4::integer),"
	" edge AS (SELECT clock_timestamp() - interval '15 seconds' AS at)"
	" SELECT json_build_object("
	"  'events', (SELECT coalesce(json_agg(" EVENT
	"   ORDER BY e.created_at, e.sequence), '[]') FROM news e),"
	"  'from', (SELECT at FROM edge), 'seen', (SELECT coalesce("
	"   array_agg(e.id), '{}')::text FROM byoc.events e, edge"
	"   WHERE e.created_at > edge.at AND (e.id = ANY ($3::uuid[])"
	"   OR e.id IN (SELECT id FROM news))))";

struct json_object *console_events(struct console *console, const char *cluster,
	const char *from, const char *seen, const char *most, struct err *err)
{
	return console_json(console->connection, sql_events,
		PARAMS(cluster, from, seen, most), err);
}
