/* Inside the store: the connection, and running statements on it. */
#pragma once

#include <byoc/store.h>

#include <byoc/json.h>
#include <libpq-fe.h>

/* A statement is prepared when it is first used on a connection. */
struct statement {
	const char *name;
	const char *sql;
	int parameters;
};

struct store {
	PGconn *connection;
	const struct statement *prepared[16];
	size_t prepared_count;
	int64_t newest_row; /* of ours in the outbox: what is new is above */
};

/* Runs a statement; the caller clears the result with PQclear. */
PGresult *store_run(struct store *store, const struct statement *statement,
	const char *const *parameters, struct err *err);

bool store_begin(struct store *store, struct err *err);
bool store_end(struct store *store, struct err *err);
/* After a failure: back to no transaction, as far as that is possible. */
void store_abandon(struct store *store);

/* Adds what the transaction wrote to the outbox. */
bool store_written(
	struct store *store, struct outbox *written, struct err *err);

int store_int(const PGresult *result, int row, int column);
int64_t store_i64(const PGresult *result, int row, int column);
/* NULL for NULL. */
const char *store_text(const PGresult *result, int row, int column);
