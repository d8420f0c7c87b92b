/*
 * Migrations. What was applied is remembered with the SHA-256 of its text, so
 * that a file changed after the fact is found out. A lock that belongs to the
 * connection keeps two programs from migrating side by side; it goes with the
 * connection, however that ends.
 */
#include "database.h"
#include <byoc/clock.h>
#include <byoc/memory.h>
#include <byoc/migrate.h>
#include <byoc/schema.h>
#include <stdlib.h>
#include <string.h>

/* Compiled in from schema/migrations/ by CMake, which has the same list. */
extern const char migration_0001_tables[];
extern const char migration_0002_runs[];
extern const char migration_0003_leases[];
extern const char migration_0004_outcomes[];
extern const char migration_0005_teardowns[];
extern const char migration_0006_events[];
extern const char migration_0007_credentials[];
extern const char migration_0008_upkeep[];
extern const char migration_0009_history[];
extern const char migration_0010_limits[];
extern const char migration_0011_prices[];
extern const char migration_0012_audits[];
extern const char migration_0013_comments[];

/* In the order in which they are applied; versions have no gaps. */
static const struct migration {
	int version;
	const char *name;
	const char *sql;
} migrations[] = {
	{1, "0001_tables", migration_0001_tables},
	{2, "0002_runs", migration_0002_runs},
	{3, "0003_leases", migration_0003_leases},
	{4, "0004_outcomes", migration_0004_outcomes},
	{5, "0005_teardowns", migration_0005_teardowns},
	{6, "0006_events", migration_0006_events},
	{7, "0007_credentials", migration_0007_credentials},
	{8, "0008_upkeep", migration_0008_upkeep},
	{9, "0009_history", migration_0009_history},
	{10, "0010_limits", migration_0010_limits},
	{11, "0011_prices", migration_0011_prices},
	{12, "0012_audits", migration_0012_audits},
	{13, "0013_comments", migration_0013_comments},
};

enum { MIGRATION_COUNT = COUNT(migrations) };
_Static_assert(COUNT(migrations) == SCHEMA_VERSION, "raise SCHEMA_VERSION");

/* The number is ours by chance: "byoc" in ASCII. */
#define LOCK "1652125539"

static const char sql_try_lock[] = "SELECT pg_try_advisory_lock(" LOCK ")";
static const char sql_lock[] = "SELECT pg_advisory_lock(" LOCK ")";

/* No row, if it is over by now. */
static const char sql_holder[] =
	"SELECT format('%s, process %s', a.usename, a.pid) FROM pg_locks l"
	" JOIN pg_stat_activity a USING (pid)"
	" WHERE l.locktype = 'advisory' AND l.granted AND a.datname ="
	" current_database() AND (l.classid, l.objid) = (0, " LOCK ")";

/* Asked first, for CREATE wants a permission even when there is nothing to do.
 */
static const char sql_prepared[] =
	"SELECT to_regclass('byoc.schema_migrations') IS NOT NULL";

static const char sql_make_schema[] = "CREATE SCHEMA IF NOT EXISTS byoc";

static const char sql_make_table[] =
	"CREATE TABLE IF NOT EXISTS byoc.schema_migrations ("
	" version integer PRIMARY KEY, name text NOT NULL,"
	" checksum text NOT NULL,"
	" applied_at timestamptz NOT NULL DEFAULT clock_timestamp())";

static const char sql_applied[] =
	"SELECT version, name, checksum FROM byoc.schema_migrations"
	" ORDER BY version";

static const char sql_checksum[] =
	"SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')";

/* PostgreSQL lets everybody call a new function, until somebody revokes it. */
static const char sql_own_functions[] =
	"ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC";

static const char sql_record[] =
	"INSERT INTO byoc.schema_migrations (version, name, checksum)"
	" VALUES ($1, $2, encode(sha256(convert_to($3, 'UTF8')), 'hex'))";

static const char sql_keep_events[] =
	"UPDATE byoc.settings SET keep_events = $1::integer";

static const char sql_kept_events[] = "SELECT keep_events FROM byoc.settings";

static const char sql_audit_hours[] =
	"UPDATE byoc.settings SET audit_hours = nullif($1::integer, 0)";

static const char sql_tend_history[] = "SELECT byoc.tend_history()";

static bool is_true(PGconn *connection, const char *sql, struct err *err)
{
	PGresult *row = console_rows(connection, sql, NO_PARAMS, err);
	bool yes = row && strcmp(PQgetvalue(row, 0, 0), "t") == 0;

	PQclear(row);
	return yes;
}

static bool tell_holder(PGconn *connection, FILE *said, struct err *err)
{
	PGresult *holder = console_rows(connection, sql_holder, NO_PARAMS, err);

	if (!holder)
		return false;
	if (PQntuples(holder) > 0)
		fprintf(said,
			"another migration is under way (login %s): waiting "
			"for its end\n",
			PQgetvalue(holder, 0, 0));
	fflush(said);
	PQclear(holder);
	return true;
}

static bool take_lock(PGconn *connection, FILE *said, struct err *err)
{
	if (is_true(connection, sql_try_lock, err))
		return true;
	if (err->kind)
		return false;
	return tell_holder(connection, said, err) &&
	       console_run(connection, sql_lock, NO_PARAMS, err);
}

static bool prepare(PGconn *connection, struct err *err)
{
	return is_true(connection, sql_prepared, err) ||
	       (!err->kind &&
		       console_run(
			       connection, sql_make_schema, NO_PARAMS, err) &&
		       console_run(connection, sql_make_table, NO_PARAMS, err));
}

/* Is a row of what was applied the migration at the same place of ours? */
static bool check_one(
	PGconn *connection, const PGresult *applied, int i, struct err *err)
{
	const char *version = PQgetvalue(applied, i, 0);
	const char *name = PQgetvalue(applied, i, 1);

	if (i >= MIGRATION_COUNT || atoi(version) > SCHEMA_VERSION)
		return err_set(err, ERR_REFUSED, "schema_newer",
			"the database has the migration %.80s, which this "
			"program does not know: install the newer program",
			name);
	if (atoi(version) != migrations[i].version)
		return err_set(err, ERR_REFUSED, "schema_changed",
			"the database lacks the migration %s and has %.80s "
			"already: its migrations are not this program's",
			migrations[i].name, name);
	PGresult *sum = console_rows(
		connection, sql_checksum, PARAMS(migrations[i].sql), err);
	bool same = sum && strcmp(PQgetvalue(sum, 0, 0),
				   PQgetvalue(applied, i, 2)) == 0;
	PQclear(sum);
	return same || err_set(err, ERR_REFUSED, "schema_changed",
			       "the migration %s was applied with another text "
			       "than this program has: an applied migration "
			       "must not change, so nothing was done",
			       migrations[i].name);
}

/* How many of our migrations are applied, or -1. */
static int count_applied(PGconn *connection, struct err *err)
{
	PGresult *applied =
		console_rows(connection, sql_applied, NO_PARAMS, err);
	int count = applied ? PQntuples(applied) : -1;

	for (int i = 0; i < count; i++)
		if (!check_one(connection, applied, i, err))
			count = -1;
	PQclear(applied);
	return count;
}

static int line_of(const char *text, const char *position)
{
	int line = 1;

	for (int left = position ? atoi(position) - 1 : 0; left > 0 && *text;
		left--)
		line += *text++ == '\n';
	return line;
}

/* The whole file at once, which no statement with parameters could be. */
static bool run_file(
	PGconn *connection, const struct migration *migration, struct err *err)
{
	PGresult *result = PQexec(connection, migration->sql);
	ExecStatusType status = PQresultStatus(result);
	bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

	if (!ok) {
		const char *message =
			PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
		err_set(err, ERR_REFUSED, "migration_failed",
			"%s.sql, line %d: %s", migration->name,
			line_of(migration->sql,
				PQresultErrorField(
					result, PG_DIAG_STATEMENT_POSITION)),
			message ? message
				: "the connection to the database broke");
	}
	PQclear(result);
	return ok;
}

static bool apply(PGconn *connection, const struct migration *migration,
	FILE *said, struct err *err)
{
	char version[16];
	int64_t start_ms = clock_now_ms();

	snprintf(version, sizeof version, "%d", migration->version);
	bool ok =
		console_begin(connection, err) &&
		console_run(connection, sql_own_functions, NO_PARAMS, err) &&
		run_file(connection, migration, err) &&
		console_run(connection, sql_record,
			PARAMS(version, migration->name, migration->sql), err);
	ok = console_end(connection, ok, err);
	if (ok)
		fprintf(said, "applied %s (%lld ms)\n", migration->name,
			(long long)(clock_now_ms() - start_ms));
	return ok;
}

/* What is too old by now goes at once. */
static bool keep(
	PGconn *connection, const char *months, FILE *said, struct err *err)
{
	if (months && (!console_run(connection, sql_keep_events, PARAMS(months),
			       err) ||
			      !console_run(connection, sql_tend_history,
				      NO_PARAMS, err)))
		return false;
	PGresult *row =
		console_rows(connection, sql_kept_events, NO_PARAMS, err);
	if (row)
		fprintf(said, "events are kept for %s months\n",
			PQgetvalue(row, 0, 0));
	PQclear(row);
	return row != NULL;
}

bool migrate(const struct secret *database_url, const char *keep_events,
	const char *audit_hours, FILE *said, struct err *err)
{
	PGconn *connection = console_connect(database_url, err);

	if (!connection)
		return false;
	int applied =
		take_lock(connection, said, err) && prepare(connection, err)
			? count_applied(connection, err)
			: -1;
	bool ok = applied >= 0;
	for (int i = applied; ok && i < MIGRATION_COUNT; i++)
		ok = apply(connection, &migrations[i], said, err);
	if (ok)
		fprintf(said, "the schema is at version %d%s\n", SCHEMA_VERSION,
			applied == MIGRATION_COUNT ? " already" : "");
	ok = ok && keep(connection, keep_events, said, err) &&
	     (!audit_hours || console_run(connection, sql_audit_hours,
				      PARAMS(audit_hours), err));
	PQfinish(connection);
	return ok;
}
