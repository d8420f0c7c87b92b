/*
 * Opening: the one place that waits, on a thread of the worker's, and each time
 * no longer than a while. A connection leaves it with the session's settings, a
 * schema that fits, every statement prepared, and in pipeline mode.
 */
#include "store.h"

#include <byoc/clock.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MOST_MS = 10 * 1000 };

/*
 * Every statement has its index, and looks up a few rows at a time: a bitmap of
 * them costs more than it saves. Without seqscan off, statistics from a time
 * when the outbox was empty make the planner read it whole, dead rows and all.
 */
static const char settings[] =
	"SET statement_timeout = '10s'; SET lock_timeout = '500ms';"
	" SET idle_in_transaction_session_timeout = '30s'; SET jit = off;"
	" SET enable_seqscan = off; SET enable_bitmapscan = off;"
	" SET client_min_messages = warning; SET search_path = pg_catalog";

static const char schema_exists[] =
	"SELECT to_regclass('byoc.schema_migrations') IS NOT NULL";
static const char newest_migration[] =
	"SELECT coalesce(max(version), 0) FROM byoc.schema_migrations";
static const char newest_outbox_row[] = "SELECT byoc.newest_outbox_row()";

static const struct statement *const statements[] = {
	&lease_phases,
	&lease_credentials,
	&renew_leases,
	&clusters_to_start,
	&start_runs,
	&commit_phases,
	&commit_credentials,
	&load_kubeconfigs,
	&emit_kubeconfigs,
	&written_now,
	&forget_published,
	&relay_outbox,
	&requeue_lost,
	&tend_history,
	&read_gauges,
};

static PGconn *connect_to(const struct secret *url, struct err *err)
{
	/* What stands before the URI yields to it. */
	const char *const keys[] = {"connect_timeout", "keepalives_idle",
		"keepalives_interval", "keepalives_count", "tcp_user_timeout",
		"target_session_attrs", "fallback_application_name", "dbname",
		NULL};
	const char *const values[] = {"3", "10", "5", "3", "10000",
		"read-write", "byoc-worker", url->bytes, NULL};
	PGconn *connection = PQconnectdbParams(keys, values, 1);

	if (PQstatus(connection) == CONNECTION_OK)
		return connection;
	store_fail(connection, NULL, "cannot connect", err);
	PQfinish(connection);
	return NULL;
}

static bool await_answer(PGconn *connection, int64_t deadline_ms,
	const char *doing, struct err *err)
{
	while (PQisBusy(connection)) {
		struct pollfd ready = {
			.fd = PQsocket(connection), .events = POLLIN};
		int64_t left_ms = deadline_ms - clock_now_ms();
		if (left_ms <= 0)
			return err_set(err, ERR_RETRY, "database_unavailable",
				"%s: no answer within %d s", doing,
				ANSWER_MOST_MS / 1000);
		if (poll(&ready, 1, (int)left_ms) < 0 ||
			!PQconsumeInput(connection))
			return store_fail(connection, NULL, doing, err);
	}
	return true;
}

/* The last result of what was just sent; NULL with an error. */
static PGresult *answer_to(
	PGconn *connection, bool sent, const char *doing, struct err *err)
{
	int64_t deadline_ms = clock_now_ms() + ANSWER_MOST_MS;
	PGresult *last = NULL, *result;

	while (sent && await_answer(connection, deadline_ms, doing, err) &&
		(result = PQgetResult(connection))) {
		PQclear(last);
		last = result;
	}
	if (!err->kind && (PQresultStatus(last) == PGRES_TUPLES_OK ||
				  PQresultStatus(last) == PGRES_COMMAND_OK))
		return last;
	if (!err->kind)
		store_fail(connection, last, doing, err);
	PQclear(last);
	return NULL;
}

static bool run(
	PGconn *connection, const char *sql, const char *doing, struct err *err)
{
	PGresult *result =
		answer_to(connection, PQsendQuery(connection, sql), doing, err);

	PQclear(result);
	return result;
}

static bool read_number(
	PGconn *connection, const char *sql, int64_t *number, struct err *err)
{
	PGresult *result = answer_to(connection, PQsendQuery(connection, sql),
		"reading the schema", err);

	if (!result)
		return false;
	const char *text = PQgetvalue(result, 0, 0);
	*number = text[0] == 't' ? 1 : strtoll(text, NULL, 10);
	PQclear(result);
	return true;
}

static bool check_schema(PGconn *connection, int wanted, struct err *err)
{
	int64_t exists = 0;
	int64_t version = 0;

	if (!read_number(connection, schema_exists, &exists, err))
		return false;
	if (exists && !read_number(connection, newest_migration, &version, err))
		return false;
	if (version < wanted)
		return err_set(err, ERR_REFUSED, "schema_too_old",
			"The database has schema version %d, this program "
			"needs %d: run `byoc migrate`.",
			(int)version, wanted);
	if (version > wanted)
		return err_set(err, ERR_REFUSED, "schema_too_new",
			"The database has schema version %d, this program "
			"knows %d: run a newer program.",
			(int)version, wanted);
	return true;
}

static bool prepare_all(PGconn *connection, struct err *err)
{
	for (size_t i = 0; i < COUNT(statements); i++) {
		const struct statement *statement = statements[i];
		PGresult *result = answer_to(connection,
			PQsendPrepare(connection, statement->name,
				statement->sql, statement->parameters, NULL),
			statement->name, err);
		PQclear(result);
		if (!result)
			return false;
	}
	return true;
}

static bool enter_pipeline(PGconn *connection, struct err *err)
{
	if (PQsetnonblocking(connection, 1) == 0 &&
		PQenterPipelineMode(connection))
		return true;
	return store_fail(connection, NULL, "entering pipeline mode", err);
}

/* Whatever the database refuses here may be in order a little later. */
static void may_pass(struct err *err)
{
	if (err->kind == ERR_BUG)
		err->kind = ERR_RETRY;
}

PGconn *open_connection(const struct secret *url, int schema_version,
	int64_t *newest_row, struct err *err)
{
	PGconn *connection = connect_to(url, err);

	if (!connection)
		return NULL;
	if (run(connection, settings, "setting up the session", err) &&
		check_schema(connection, schema_version, err) &&
		read_number(connection, newest_outbox_row, newest_row, err) &&
		prepare_all(connection, err) && enter_pipeline(connection, err))
		return connection;
	may_pass(err);
	PQfinish(connection);
	return NULL;
}
