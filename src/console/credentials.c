/*
 * Credentials as the operator sees them. Tokens come here sealed, go into the
 * database sealed, and never come out.
 */
#include "database.h"
#include <byoc/json.h>
#include <string.h>

static const char sql_add[] =
	"INSERT INTO byoc.credentials (id, name, sealed_token, recipient_key)"
	" VALUES ($1, $2, $3, $4)";

static const char sql_validate[] =
	"SELECT byoc.enqueue('credential.validate', $1::uuid)";

static const char sql_rotate[] = "SELECT byoc.rotate_credential($1, $2)";

static const char sql_any_project[] =
	"WITH noted AS (SELECT byoc.note_request("
	"'credential.any_project', $1::uuid))"
	" UPDATE byoc.credentials SET any_project = true FROM noted"
	" WHERE id = $1";
static const char sql_recipient[] =
	"WITH noted AS (SELECT byoc.note_request("
	"'credential.recipient', $1::uuid))"
	" UPDATE byoc.credentials SET recipient_key = $2 FROM noted"
	" WHERE id = $1";

static const char sql_delete[] =
	"SELECT byoc.delete_credential(id) FROM byoc.credentials"
	" WHERE id = $1 AND deleted_at IS NULL";

#define CREDENTIAL                                                             \
	"json_build_object('id', id, 'name', name, 'status', status,"          \
	" 'code', code, 'reason', reason, 'recipient_key', recipient_key,"     \
	" 'token_in_use', active_sealed_token IS NOT NULL,"                    \
	" 'created_at', " UTC("created_at") ","                                \
					    " 'validated_at', " UTC(           \
						    "validated_at") ")"

static const char sql_credential[] =
	"SELECT " CREDENTIAL " FROM byoc.credentials WHERE id = $1";

static const char sql_credentials[] =
	"SELECT coalesce(json_agg(" CREDENTIAL " ORDER BY created_at), '[]')"
	" FROM byoc.credentials WHERE deleted_at IS NULL";

bool console_add_credential(struct console *console, const char *id,
	const char *name, const char *sealed_token, const char *recipient_key,
	struct err *err)
{
	PGconn *connection = console->connection;
	bool ok = console_begin(connection, err) &&
		  console_run(connection, sql_add,
			  PARAMS(id, name, sealed_token, recipient_key), err) &&
		  console_run(connection, sql_validate, PARAMS(id), err);

	ok = console_end(connection, ok, err);
	if (!ok && strcmp(err->code, "exists") == 0) {
		err_clear(err);
		err_set(err, ERR_REFUSED, "name_taken",
			"there is a credential '%.63s' already: choose another "
			"name, or give that one a new token with "
			"`byoc credential rotate`",
			name);
	}
	return ok;
}

bool console_rotate_credential(struct console *console, const char *id,
	const char *sealed_token, bool any_project, struct err *err)
{
	PGconn *connection = console->connection;
	bool ok = console_begin(connection, err) &&
		  console_run(connection, sql_rotate, PARAMS(id, sealed_token),
			  err) &&
		  (!any_project || console_run(connection, sql_any_project,
					   PARAMS(id), err));

	return console_end(connection, ok, err);
}

bool console_set_recipient(struct console *console, const char *id,
	const char *recipient_key, struct err *err)
{
	return console_run(console->connection, sql_recipient,
		PARAMS(id, recipient_key), err);
}

bool console_validate_credential(
	struct console *console, const char *id, struct err *err)
{
	return console_run(console->connection, sql_validate, PARAMS(id), err);
}

bool console_delete_credential(struct console *console, const char *id,
	bool *was_there, struct err *err)
{
	PGresult *rows =
		console_rows(console->connection, sql_delete, PARAMS(id), err);

	*was_there = rows && PQntuples(rows) > 0;
	PQclear(rows);
	return rows;
}

struct json_object *console_credential(
	struct console *console, const char *id, struct err *err)
{
	return console_json(
		console->connection, sql_credential, PARAMS(id), err);
}

struct json_object *console_credentials(
	struct console *console, struct err *err)
{
	return console_json(
		console->connection, sql_credentials, NO_PARAMS, err);
}
