/*
 * The console's connection: opening it, running statements, and saying in plain
 * words what went wrong. No message may show the connection's URI: it can hold
 * a password.
 */
#include "database.h"
#include <byoc/json.h>
#include <byoc/memory.h>
#include <byoc/schema.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char sql_version[] =
	"SELECT coalesce(max(version), 0) FROM byoc.schema_migrations";

static const char sql_begin[] = "BEGIN";
static const char sql_commit[] = "COMMIT";
static const char sql_rollback[] = "ROLLBACK";

/* What a person should read for a failure of this SQLSTATE, or its class. */
static const struct failure {
	const char *state;
	enum err_kind kind;
	const char *code;
	const char *text; /* NULL: what the database says */
} failures[] = {
	{"08", ERR_RETRY, "database_lost", NULL},
	{"57P", ERR_RETRY, "database_lost", NULL},
	{"23505", ERR_REFUSED, "exists", NULL},
	{"42P01", ERR_REFUSED, "schema_older",
		"the database lacks tables of BYOC: run `byoc migrate`"},
	{"3F000", ERR_REFUSED, "schema_older",
		"the database lacks the schema of BYOC: run `byoc migrate`"},
	{"P0001", ERR_REFUSED, "refused", NULL},
	/* See schema/migrations/0010_limits.sql. */
	{"BY001", ERR_REFUSED, "limit_clusters",
		"the credential has as many clusters as it may: delete one, or "
		"raise the limit with `byoc credential limits`"},
	{"BY002", ERR_REFUSED, "limit_jobs",
		"as many jobs of the credential wait as may: try again later, "
		"or raise the limit with `byoc credential limits`"},
	{"BY003", ERR_REFUSED, "cluster_protected",
		"the cluster is protected from deletion: see "
		"`byoc cluster unprotect`"},
	{"BY004", ERR_REFUSED, "credential_in_use", NULL},
	{"BY005", ERR_REFUSED, "unknown_record", NULL},
	{"BY006", ERR_REFUSED, "bad_request", NULL},
	{"BY007", ERR_REFUSED, "not_failed", NULL},
	{"BY008", ERR_REFUSED, "credential_deleted", NULL},
	{"", ERR_REFUSED, "database", NULL},
};

/* What a person should read when a record may not be so; the tables name these
 * constraints. */
static const struct {
	const char *constraint, *text;
} complaints[] = {
	{"clusters_name_check",
		"a cluster's name has 1 to 63 small letters, digits and "
		"hyphens, and begins and ends with a letter or digit"},
	{"clusters_location_check",
		"a location is one of fsn1, nbg1, hel1, ash, hil and sin"},
	{"clusters_type_check",
		"a cluster's type is dedicated or dedicated_ha"},
	{"clusters_workers_check", "a cluster has 0 to 90 workers"},
	{"clusters_server_type_check",
		"a server type is Hetzner's name of it, such as cx33"},
	{"clusters_pod_security_check",
		"pods may ask for what privileged, baseline or restricted "
		"allows"},
	{"clusters_ingress_check", "an ingress is none or traefik"},
	{"clusters_credential_id_fkey", "there is no such credential"},
	{"credentials_name_check",
		"a credential's name has 1 to 63 characters, all of them "
		"printable"},
};

/* libpq's messages have several lines; ours have one. */
static void flatten(const char *message, char *out, size_t size)
{
	size_t used = 0;

	for (; *message && used + 3 < size; message++) {
		bool space = strchr(" \t\r\n", *message);
		bool new_line = *message == '\n' && message[1] == '\t';

		/* libpq's hints stand on a line of their own. */
		if (new_line && used > 0 &&
			!ispunct((unsigned char)out[used - 1]))
			out[used++] = '.';

		if (space && (used == 0 || out[used - 1] == ' '))
			continue;
		out[used++] = space ? ' ' : *message;
	}
	while (used > 0 && out[used - 1] == ' ')
		used--;
	out[used] = '\0';
}

static bool refuse_connection(PGconn *connection, struct err *err)
{
	char message[320];

	flatten(PQerrorMessage(connection), message, sizeof message);
	return err_set(err, ERR_RETRY, "database_unreachable",
		"cannot reach the database: %s", message);
}

/* libpq's own complaint about a URI shows parts of it. */
static bool url_valid(const char *url, struct err *err)
{
	PQconninfoOption *parsed = PQconninfoParse(url, NULL);

	if (!parsed)
		return err_set(err, ERR_BAD_INPUT, "database_url",
			"BYOC_DATABASE_URL is not a libpq URI, such as "
			"postgresql://user@host:5432/database");
	PQconninfoFree(parsed);
	return true;
}

static void ignore_notice(void *unused, const char *message)
{
	(void)unused;
	(void)message;
}

PGconn *console_connect(const struct secret *url, struct err *err)
{
	/* What stands before the URI yields to it. */
	const char *const keys[] = {"connect_timeout", "application_name",
		"dbname", "client_encoding", NULL};
	const char *const values[] = {"10", "byoc", url->bytes, "UTF8", NULL};

	if (!url_valid(url->bytes, err))
		return NULL;
	PGconn *connection = PQconnectdbParams(keys, values, 1);
	PQsetNoticeProcessor(connection, ignore_notice, NULL);
	if (PQstatus(connection) == CONNECTION_OK)
		return connection;
	refuse_connection(connection, err);
	PQfinish(connection);
	return NULL;
}

static const struct failure *find_failure(const char *state)
{
	const struct failure *failure = failures;

	while (strncmp(state, failure->state, strlen(failure->state)) != 0)
		failure++;
	return failure;
}

/* NULL: no complaint of ours. */
static const char *find_complaint(const PGresult *result)
{
	const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

	for (size_t i = 0; name && i < COUNT(complaints); i++)
		if (strcmp(name, complaints[i].constraint) == 0)
			return complaints[i].text;
	return NULL;
}

static bool explain(PGconn *connection, const PGresult *result, struct err *err)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	char message[320];

	flatten(said ? said : PQerrorMessage(connection), message,
		sizeof message);
	if (PQstatus(connection) != CONNECTION_OK)
		return err_set(err, ERR_RETRY, "database_lost",
			"the connection to the database broke: %s", message);
	const char *complaint = find_complaint(result);
	if (complaint)
		return err_set(
			err, ERR_REFUSED, "not_allowed", "%s", complaint);
	const struct failure *failure = find_failure(state ? state : "");
	return err_set(err, failure->kind, failure->code, "%s",
		failure->text ? failure->text : message);
}

PGresult *console_rows(PGconn *connection, const char *sql,
	struct params params, struct err *err)
{
	PGresult *result = PQexecParams(connection, sql, params.count, NULL,
		params.values, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	explain(connection, result, err);
	PQclear(result);
	return NULL;
}

bool console_run(PGconn *connection, const char *sql, struct params params,
	struct err *err)
{
	PGresult *result = console_rows(connection, sql, params, err);

	PQclear(result);
	return result;
}

struct json_object *console_json(PGconn *connection, const char *sql,
	struct params params, struct err *err)
{
	struct json_object *object = NULL;
	PGresult *result = console_rows(connection, sql, params, err);

	if (result && PQntuples(result) > 0 && !PQgetisnull(result, 0, 0))
		object = json_parse(PQgetvalue(result, 0, 0),
			(size_t)PQgetlength(result, 0, 0), err);
	PQclear(result);
	return object;
}

bool console_begin(PGconn *connection, struct err *err)
{
	return console_run(connection, sql_begin, NO_PARAMS, err);
}

bool console_end(PGconn *connection, bool ok, struct err *err)
{
	struct err ignored = {0};

	if (ok)
		return console_run(connection, sql_commit, NO_PARAMS, err);
	console_run(connection, sql_rollback, NO_PARAMS, &ignored);
	return false;
}

int console_schema_version(PGconn *connection, struct err *err)
{
	struct err failed = {0};
	PGresult *result =
		console_rows(connection, sql_version, NO_PARAMS, &failed);
	int version = result ? atoi(PQgetvalue(result, 0, 0)) : -1;

	PQclear(result);
	if (!result && strcmp(failed.code, "schema_older") == 0)
		return 0;
	if (!result)
		*err = failed;
	return version;
}

bool console_version_fits(int version, struct err *err)
{
	if (version < 0)
		return false;
	if (version == 0)
		return err_set(err, ERR_REFUSED, "schema_older",
			"the database has no tables of BYOC yet: run "
			"`byoc migrate`");
	if (version < SCHEMA_VERSION)
		return err_set(err, ERR_REFUSED, "schema_older",
			"the database's schema is of version %d, this program "
			"works with %d: run `byoc migrate`",
			version, SCHEMA_VERSION);
	if (version > SCHEMA_VERSION)
		return err_set(err, ERR_REFUSED, "schema_newer",
			"the database's schema is of version %d, this program "
			"knows it up to %d only: install the newer program",
			version, SCHEMA_VERSION);
	return true;
}

struct console *console_open(const struct secret *database_url, struct err *err)
{
	PGconn *connection = console_connect(database_url, err);

	if (!connection)
		return NULL;
	if (!console_version_fits(
		    console_schema_version(connection, err), err)) {
		PQfinish(connection);
		return NULL;
	}
	struct console *console = memory_new(sizeof *console);
	console->connection = connection;
	return console;
}

void console_free(struct console *console)
{
	if (!console)
		return;
	PQfinish(console->connection);
	free(console);
}

bool console_reconnect(struct console *console, struct err *err)
{
	PQreset(console->connection);
	return PQstatus(console->connection) == CONNECTION_OK ||
	       refuse_connection(console->connection, err);
}
