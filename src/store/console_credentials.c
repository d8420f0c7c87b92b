/*
 * Credentials as the operator sees them. Tokens come here sealed, go into the
 * database sealed, and never come out.
 */
#include "console.h"
#include <byoc/json.h>
#include <stdio.h>
#include <string.h>

static const char sql_add[] =
	"INSERT INTO byoc.credentials (id, name, sealed_token)"
	" VALUES ($1, $2, $3)";

static const char sql_validate[] =
	"SELECT byoc.enqueue('credential.validate', $1::uuid)";

static const char sql_rotate[] = "SELECT byoc.rotate_credential($1, $2)";

static const char sql_delete[] =
	"SELECT name, status FROM byoc.delete_credential($1)"
	" ORDER BY created_at";

#define CREDENTIAL                                                             \
	"json_build_object('id', id, 'name', name, 'status', status,"          \
	" 'code', code, 'reason', reason,"                                     \
	" 'created_at', " UTC("created_at") ","                                \
					    " 'validated_at', " UTC(           \
						    "validated_at") ")"

static const char sql_credential[] =
	"SELECT " CREDENTIAL " FROM byoc.credentials WHERE id = $1";

static const char sql_credentials[] =
	"SELECT coalesce(json_agg(" CREDENTIAL " ORDER BY created_at), '[]')"
	" FROM byoc.credentials WHERE deleted_at IS NULL";

bool store_console_add_credential(struct store_console *console, const char *id,
	const char *name, const char *sealed_token, struct err *err)
{
	PGconn *connection = console->connection;
	bool ok = console_begin(connection, err) &&
		  console_run(connection, sql_add,
			  PARAMS(id, name, sealed_token), err) &&
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

bool store_console_rotate_credential(struct store_console *console,
	const char *id, const char *sealed_token, struct err *err)
{
	return console_run(
		console->connection, sql_rotate, PARAMS(id, sealed_token), err);
}

bool store_console_validate_credential(
	struct store_console *console, const char *id, struct err *err)
{
	return console_run(console->connection, sql_validate, PARAMS(id), err);
}

static bool refuse_in_use(const PGresult *clusters, struct err *err)
{
	char names[280] = "";
	size_t used = 0;
	int count = PQntuples(clusters);

	for (int i = 0; i < count && used + 80 < sizeof names; i++)
		used += (size_t)snprintf(names + used, sizeof names - used,
			"%s%s (%s)", i ? ", " : "", PQgetvalue(clusters, i, 0),
			PQgetvalue(clusters, i, 1));
	return err_set(err, ERR_REFUSED, "in_use",
		"%d cluster%s this credential; delete %s first: %s", count,
		count == 1 ? " needs" : "s need", count == 1 ? "it" : "them",
		names);
}

bool store_console_delete_credential(
	struct store_console *console, const char *id, struct err *err)
{
	PGresult *clusters =
		console_rows(console->connection, sql_delete, PARAMS(id), err);
	bool ok = clusters &&
		  (PQntuples(clusters) == 0 || refuse_in_use(clusters, err));

	PQclear(clusters);
	return ok;
}

struct json_object *store_console_credential(
	struct store_console *console, const char *id, struct err *err)
{
	return console_json(
		console->connection, sql_credential, PARAMS(id), err);
}

struct json_object *store_console_credentials(
	struct store_console *console, struct err *err)
{
	return console_json(
		console->connection, sql_credentials, NO_PARAMS, err);
}
