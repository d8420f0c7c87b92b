/*
 * The console's own connection to PostgreSQL, shared by its parts and by the
 * migrations: every statement waits for its answer. Statements are constants
 * named sql_..., with parameters.
 */
#pragma once

#include <byoc/console.h>
#include <libpq-fe.h>

struct console {
	PGconn *connection;
};

/* A row `e` of byoc.events as the CloudEvent that is published of it. */
#define EVENT "byoc.event_text(e)::json"

/* A moment as every message tells it: RFC 3339, UTC, milliseconds. */
#define UTC(moment)                                                            \
	"to_char(" moment " AT TIME ZONE 'UTC',"                               \
	" 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* Arguments of a statement: texts, NULL for null. */
struct params {
	int count;
	const char *const *values;
};
#define PARAMS(...)                                                            \
	((struct params){                                                      \
		(int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), \
		(const char *const[]){__VA_ARGS__}})
#define NO_PARAMS ((struct params){0, NULL})

/* NULL on failure. Looks at no schema version. */
PGconn *console_connect(const struct secret *url, struct err *err);

/* The version of the database's schema; 0: it has none. -1 on failure. */
int console_schema_version(PGconn *connection, struct err *err);
bool console_version_fits(int version, struct err *err);

/* Rows of a statement, or NULL; the caller clears. */
PGresult *console_rows(PGconn *connection, const char *sql,
	struct params params, struct err *err);

/* clusters.c: the oldest cluster of that name that a credential has, as a row
 * of id and status; no row: it has none. NULL on failure; the caller clears. */
PGresult *console_cluster_of_name(PGconn *connection, const char *credential,
	const char *name, struct err *err);

/* Runs a statement whose rows do not matter. */
bool console_run(PGconn *connection, const char *sql, struct params params,
	struct err *err);

/*
 * The one value of a statement that gives JSON: the caller frees. NULL without
 * an error: there was no row, or a null.
 */
struct json_object *console_json(PGconn *connection, const char *sql,
	struct params params, struct err *err);

bool console_begin(PGconn *connection, struct err *err);
/* Commits when all went well until here, else rolls back: returns `ok`. */
bool console_end(PGconn *connection, bool ok, struct err *err);
