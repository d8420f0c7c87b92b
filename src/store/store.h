/* Inside the store: connections, and the transactions on their way. */
#pragma once

#include <byoc/store.h>

#include <byoc/json.h>
#include <libpq-fe.h>

enum { PARAMETERS_MOST = 5 };

/* Prepared on both connections when the door opens. */
struct statement {
	const char *name;
	const char *sql;
	int parameters;
	bool writes; /* its transaction reads back what it put in the outbox */
};

/*
 * Begun by handing over the one statement that it consists of (and the one
 * that reads its outbox rows), in one round trip.
 */
struct transaction {
	struct transaction *next; /* in its lane */
	const struct statement *statement;
	struct arena *arena; /* the parameters' */
	const char *parameters[PARAMETERS_MOST];
	bool in_air;
	bool unheard; /* its owner has let go of it */
	int results;  /* taken in so far */
	PGresult *rows;
	PGresult *written;
	struct err err;
};

/* ---- lane.c: one connection ---- */

struct lane {
	PGconn *connection;
	struct transaction *first, *last; /* in the air */
	int64_t since_ms;    /* the first one is waited for; 0: not yet */
	int64_t *newest_row; /* the store's */
	bool unsent;
	struct err broken; /* something could not be sent */
};

void lane_send(struct lane *lane, struct transaction *transaction);
bool lane_turn(struct lane *lane, int64_t now_ms, struct err *err);
/* Ends what is in the air with `err`, and the connection. */
void lane_close(struct lane *lane, const struct err *err);

/* ---- open.c: the one place that waits ---- */

/* NULL on failure; else ready for transactions. */
PGconn *open_connection(const struct secret *url, int schema_version,
	int64_t *newest_row, struct err *err);

/* ---- store.c ---- */

enum lane_name { LANE_INTAKE, LANE_OUTCOMES };

struct store {
	struct lane lanes[STORE_LANES];
	int64_t newest_row; /* known in the outbox: what comes is above it */
};

/* The caller fills in the parameters, texts of the transaction's arena. */
struct transaction *transaction_new(const struct statement *statement);
void store_send(struct store *store, enum lane_name lane,
	struct transaction *transaction);

/* An object's text in the arena; frees the object. */
const char *parameter_json(
	struct transaction *transaction, struct json_object *object);
const char *parameter_i64(struct transaction *transaction, int64_t number);

int store_int(const PGresult *result, int row, int column);
int64_t store_i64(const PGresult *result, int row, int column);
/* NULL for NULL. */
const char *store_text(const PGresult *result, int row, int column);

/* What failed; `kept` tells whether the connection can go on. */
bool store_fail(const PGconn *connection, const PGresult *result,
	const char *doing, struct err *err);

/* ---- outbox.c ---- */

/* An id that the outbox had given out when the transaction was answered: what
 * is written later is above it. 0: it does not tell. */
int64_t outbox_newest(const struct transaction *transaction);

/* ---- Every statement, by the file that sends it ---- */

extern const struct statement lease_phases, lease_credentials, renew_leases,
	clusters_to_start, start_runs, commit_phases, commit_credentials,
	load_kubeconfigs, emit_kubeconfigs, written_now, forget_published,
	relay_outbox, requeue_lost, tend_history, read_gauges;
