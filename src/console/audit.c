/* Audits: what is in the project of a credential, and whose it is. */
#include "database.h"

#include <stdio.h>

static const char sql_audit[] =
	"SELECT byoc.enqueue('credential.audit', $1::uuid)";

static const char sql_audited[] =
	"SELECT data FROM byoc.events WHERE credential_id = $1"
	" AND name = 'audited' AND data ->> 'job_id' = $2";

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
