/*
 * The connection to PostgreSQL and the running of statements. A lost connection
 * is never mended here: the worker opens a new store.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

enum { SQLSTATE_SIZE = 5 };

/*
 * Every statement has its index. Without seqscan off, statistics from a time
 * when the outbox was empty make the planner read it whole, dead rows and all.
 */
static const char session[] =
	"SET statement_timeout = '10s'; SET lock_timeout = '8s';"
	" SET idle_in_transaction_session_timeout = '30s'; SET jit = off;"
	" SET enable_seqscan = off;"
	" SET client_min_messages = warning; SET search_path = pg_catalog";

static const struct statement begin = {NULL, "BEGIN", 0};
static const struct statement commit = {NULL, "COMMIT", 0};
static const struct statement rollback = {NULL, "ROLLBACK", 0};
static const struct statement schema_exists = {"schema_exists",
	"SELECT to_regclass('byoc.schema_migrations') IS NOT NULL", 0};
static const struct statement newest_migration = {"newest_migration",
	"SELECT coalesce(max(version), 0) FROM byoc.schema_migrations", 0};

/* Would the same thing perhaps work on a new connection? */
static bool may_pass(const PGconn *connection, const char *sqlstate)
{
	static const char *const classes[] = {
		"08",    /* connection */
		"40",    /* serialization, deadlock */
		"53",    /* out of resources */
		"57",    /* cancelled, shutting down */
		"55P03", /* lock not available */
	};

	if (PQstatus(connection) != CONNECTION_OK || !sqlstate)
		return true;
	for (size_t i = 0; i < COUNT(classes); i++)
		if (strncmp(sqlstate, classes[i], strlen(classes[i])) == 0)
			return true;
	return false;
}

/* The first line of a message of libpq's. */
static int first_line(const char *message)
{
	return (int)strcspn(message, "\n");
}

static void fail(const struct store *store, const PGresult *result,
	const char *doing, struct err *err)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message =
		PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (!message)
		message = PQerrorMessage(store->connection);
	if (may_pass(store->connection, sqlstate))
		err_set(err, ERR_RETRY, "database_unavailable", "%s: %.*s",
			doing, first_line(message), message);
	else
		err_set(err, ERR_BUG, "database_refused", "%s: %.*s (%.*s)",
			doing, first_line(message), message, SQLSTATE_SIZE,
			sqlstate);
}

static bool succeeded(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

static bool prepare(
	struct store *store, const struct statement *statement, struct err *err)
{
	for (size_t i = 0; i < store->prepared_count; i++)
		if (store->prepared[i] == statement)
			return true;
	if (store->prepared_count == COUNT(store->prepared))
		return err_set(err, ERR_BUG, "database_refused",
			"too many statements to prepare");
	PGresult *result = PQprepare(store->connection, statement->name,
		statement->sql, statement->parameters, NULL);
	bool ok = succeeded(result);
	if (ok)
		store->prepared[store->prepared_count++] = statement;
	else
		fail(store, result, statement->name, err);
	PQclear(result);
	return ok;
}

PGresult *store_run(struct store *store, const struct statement *statement,
	const char *const *parameters, struct err *err)
{
	PGresult *result;

	if (!statement->name) {
		result = PQexec(store->connection, statement->sql);
	} else {
		if (!prepare(store, statement, err))
			return NULL;
		result = PQexecPrepared(store->connection, statement->name,
			statement->parameters, parameters, NULL, NULL, 0);
	}
	if (succeeded(result))
		return result;
	fail(store, result, statement->name ? statement->name : statement->sql,
		err);
	PQclear(result);
	return NULL;
}

static bool run_plain(
	struct store *store, const struct statement *statement, struct err *err)
{
	PGresult *result = store_run(store, statement, NULL, err);

	PQclear(result);
	return result != NULL;
}

bool store_begin(struct store *store, struct err *err)
{
	return run_plain(store, &begin, err);
}

bool store_end(struct store *store, struct err *err)
{
	return run_plain(store, &commit, err);
}

void store_abandon(struct store *store)
{
	struct err ignored = {0};

	if (PQtransactionStatus(store->connection) != PQTRANS_IDLE)
		run_plain(store, &rollback, &ignored);
}

int store_int(const PGresult *result, int row, int column)
{
	return atoi(PQgetvalue(result, row, column));
}

int64_t store_i64(const PGresult *result, int row, int column)
{
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

const char *store_text(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column)
		       ? NULL
		       : PQgetvalue(result, row, column);
}

static PGconn *connect_to(const struct secret *url, struct err *err)
{
	const char *const keys[] = {"dbname", "connect_timeout",
		"fallback_application_name", "tcp_user_timeout", NULL};
	const char *const values[] = {
		url->bytes, "3", "byoc-worker", "10000", NULL};
	PGconn *connection = PQconnectdbParams(keys, values, 1);

	if (PQstatus(connection) == CONNECTION_OK)
		return connection;
	const char *message = PQerrorMessage(connection);
	err_set(err, ERR_RETRY, "database_unavailable", "%.*s",
		first_line(message), message);
	PQfinish(connection);
	return NULL;
}

static bool read_number(struct store *store, const struct statement *statement,
	int *number, struct err *err)
{
	PGresult *result = store_run(store, statement, NULL, err);

	if (!result)
		return false;
	const char *text = PQgetvalue(result, 0, 0);
	*number = text[0] == 't' ? 1 : atoi(text);
	PQclear(result);
	return true;
}

static bool check_schema(struct store *store, int wanted, struct err *err)
{
	int exists = 0;
	int version = 0;

	if (!read_number(store, &schema_exists, &exists, err))
		return false;
	if (exists && !read_number(store, &newest_migration, &version, err))
		return false;
	if (version < wanted)
		return err_set(err, ERR_REFUSED, "schema_too_old",
			"The database has schema version %d, this program "
			"needs %d: run `byoc migrate`.",
			version, wanted);
	if (version > wanted)
		return err_set(err, ERR_REFUSED, "schema_too_new",
			"The database has schema version %d, this program "
			"knows %d: run a newer program.",
			version, wanted);
	return true;
}

struct store *store_open(
	const struct secret *url, int schema_version, struct err *err)
{
	PGconn *connection = connect_to(url, err);

	if (!connection)
		return NULL;
	struct store *store = memory_new(sizeof *store);
	store->connection = connection;
	const struct statement settings = {NULL, session, 0};
	if (run_plain(store, &settings, err) &&
		check_schema(store, schema_version, err))
		return store;
	store_free(store);
	return NULL;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	PQfinish(store->connection);
	free(store);
}
