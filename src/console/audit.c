/* Audits: what is in the project of a credential, and whose it is. */
#include "database.h"

#include <stdio.h>

static const char sql_audit[] =
	"SELECT byoc.enqueue('credential.audit', $1::uuid)";

static const char sql_audited[] =
	"SELECT data FROM byoc.events WHERE credential_id = $1"
	" AND name = 'audited' AND data ->> 'job_id' = $2";

static const char sql_sweep[] =
	"SELECT FROM (SELECT id FROM byoc.clusters WHERE credential_id = $2"
	"  AND id::text = $1 OFFSET 0) c WHERE byoc.sweep_again(c.id)";

bool console_audit(struct console *console, const char *id, char job[UUID_SIZE],
	struct err *err)
{
	PGresult *row =
		console_rows(console->connection, sql_audit, PARAMS(id), err);

	if (row)
		snprintf(job, UUID_SIZE, "%s", PQgetvalue(row, 0, 0));
	PQclear(row);
	return row;
}

struct json_object *console_audited(struct console *console, const char *id,
	const char *job, struct err *err)
{
	return console_json(
		console->connection, sql_audited, PARAMS(id, job), err);
}

bool console_sweep_cluster(struct console *console, const char *credential,
	const char *id, struct err *err)
{
	PGresult *asked = console_rows(
		console->connection, sql_sweep, PARAMS(id, credential), err);
	bool ok =
		asked && (PQntuples(asked) > 0 ||
				 err_set(err, ERR_REFUSED, "not_deleted",
					 "%.36s is no deleted cluster of this "
					 "credential here: what has its "
					 "label is to be deleted in Hetzner "
					 "Console",
					 id));

	PQclear(asked);
	return ok;
}
