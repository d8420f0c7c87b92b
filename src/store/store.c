/*
 * The door as a whole: two lanes, what is sent on them and what fails. A lost
 * connection is never mended here: the worker opens a new door.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

enum { SQLSTATE_SIZE = 5 };

/* Of the first line of a message of libpq's. */
static int first_line(const char *message)
{
	return (int)strcspn(message, "\n");
}

static bool is_of(const char *sqlstate, const char *const *classes)
{
	for (; *classes; classes++)
		if (strncmp(sqlstate, *classes, strlen(*classes)) == 0)
			return true;
	return false;
}

bool store_fail(const PGconn *connection, const PGresult *result,
	const char *doing, struct err *err)
{
	/* Bad data, a constraint, a function's own refusal, a limit. */
	static const char *const by_data[] = {"22", "23", "P0001", "BY", NULL};
	static const char *const by_lock[] = {"55P03", NULL};
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message =
		PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (!message)
		message = PQerrorMessage(connection);
	if (sqlstate && is_of(sqlstate, by_data))
		return err_set(err, ERR_BUG, "database_refused",
			"%s: %.*s (%.*s)", doing, first_line(message), message,
			SQLSTATE_SIZE, sqlstate);
	return err_set(err, ERR_RETRY,
		sqlstate && is_of(sqlstate, by_lock) ? "database_busy"
						     : "database_unavailable",
		"%s: %.*s", doing, first_line(message), message);
}

struct store *store_open(
	const struct secret *url, int schema_version, struct err *err)
{
	struct store *store = memory_new(sizeof *store);

	for (size_t i = 0; i < STORE_LANES; i++) {
		struct lane *lane = &store->lanes[i];
		lane->connection = open_connection(
			url, schema_version, &store->newest_row, err);
		lane->newest_row = &store->newest_row;
		if (!lane->connection) {
			store_free(store);
			return NULL;
		}
	}
	return store;
}

void store_free(struct store *store)
{
	struct err closed = {0};

	if (!store)
		return;
	err_set(&closed, ERR_RETRY, "database_unavailable",
		"the connection to the database was closed");
	for (size_t i = 0; i < STORE_LANES; i++)
		lane_close(&store->lanes[i], &closed);
	free(store);
}

void store_sockets(
	const struct store *store, struct pollfd sockets[STORE_LANES])
{
	for (size_t i = 0; i < STORE_LANES; i++)
		sockets[i] = (struct pollfd){
			.fd = PQsocket(store->lanes[i].connection),
			.events = store->lanes[i].unsent ? POLLIN | POLLOUT
							 : POLLIN,
		};
}

bool store_turn(struct store *store, int64_t now_ms, struct err *err)
{
	for (size_t i = 0; i < STORE_LANES; i++)
		if (!lane_turn(&store->lanes[i], now_ms, err))
			return false;
	return true;
}

struct transaction *transaction_new(const struct statement *statement)
{
	struct transaction *transaction = memory_new(sizeof *transaction);

	transaction->statement = statement;
	transaction->arena = arena_new();
	return transaction;
}

void store_send(struct store *store, enum lane_name lane,
	struct transaction *transaction)
{
	lane_send(&store->lanes[lane], transaction);
}

bool transaction_is_over(const struct transaction *transaction)
{
	return !transaction->in_air;
}

const char *transaction_name(const struct transaction *transaction)
{
	return transaction->statement->name;
}

const struct err *transaction_err(const struct transaction *transaction)
{
	return &transaction->err;
}

void transaction_free(struct transaction *transaction)
{
	if (!transaction)
		return;
	if (transaction->in_air) {
		transaction->unheard = true;
		return;
	}
	PQclear(transaction->rows);
	PQclear(transaction->written);
	arena_free(transaction->arena);
	free(transaction);
}

void store_read_marks(
	const struct transaction *transaction, bool *marks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		marks[i] = false;
	for (int row = 0; row < PQntuples(transaction->rows); row++) {
		int64_t n = store_i64(transaction->rows, row, 0);
		if (n >= 0 && (size_t)n < count)
			marks[n] = true;
	}
}

const char *parameter_json(
	struct transaction *transaction, struct json_object *object)
{
	const char *text =
		arena_copy_text(transaction->arena, json_write(object));

	json_free(object);
	return text;
}

const char *parameter_i64(struct transaction *transaction, int64_t number)
{
	return arena_format(transaction->arena, "%lld", (long long)number);
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
