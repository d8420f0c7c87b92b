/*
 * A lane: one connection in libpq's pipeline mode. A transaction is one or two
 * statements and a sync, which commits them; its answers come in order, and
 * after the sync it is over. Nothing here waits.
 */
#include "store.h"

#include <string.h>

enum { ANSWER_MOST_MS = 12 * 1000 };

static void append(struct lane *lane, struct transaction *transaction)
{
	transaction->in_air = true;
	if (lane->last)
		lane->last->next = transaction;
	else
		lane->first = transaction;
	lane->last = transaction;
}

static bool send_statement(struct lane *lane, const struct statement *statement,
	const char *const *parameters)
{
	return PQsendQueryPrepared(lane->connection, statement->name,
		statement->parameters, parameters, NULL, NULL, 0);
}

static bool send_all(struct lane *lane, struct transaction *transaction)
{
	const struct statement *statement = transaction->statement;
	const char *newest = parameter_i64(transaction, *lane->newest_row);

	return send_statement(lane, statement, transaction->parameters) &&
	       (!statement->writes ||
		       send_statement(lane, &written_now, &newest)) &&
	       PQpipelineSync(lane->connection);
}

/* What could not be sent is told by the next turn. */
void lane_send(struct lane *lane, struct transaction *transaction)
{
	append(lane, transaction);
	if (send_all(lane, transaction))
		lane->unsent = PQflush(lane->connection) != 0;
	else
		store_fail(lane->connection, NULL, transaction->statement->name,
			&lane->broken);
}

static struct transaction *take_first(struct lane *lane)
{
	struct transaction *transaction = lane->first;

	lane->first = transaction->next;
	if (!lane->first)
		lane->last = NULL;
	lane->since_ms = 0;
	transaction->next = NULL;
	transaction->in_air = false;
	return transaction;
}

static void end_first(struct lane *lane)
{
	struct transaction *transaction = take_first(lane);
	int64_t newest = outbox_newest(transaction);

	if (newest > *lane->newest_row)
		*lane->newest_row = newest;
	if (transaction->unheard)
		transaction_free(transaction);
}

/* Keeps the rows of a statement, or why it failed. */
static void keep(struct lane *lane, PGresult *result)
{
	struct transaction *transaction = lane->first;
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
		PGresult **place = transaction->results++
					   ? &transaction->written
					   : &transaction->rows;
		PQclear(*place);
		*place = result;
		return;
	}
	if (status != PGRES_PIPELINE_ABORTED)
		store_fail(lane->connection, result,
			transaction->statement->name, &transaction->err);
	PQclear(result);
}

/* Is it more than this transaction's own failure? */
static bool has_failed(const struct err *err)
{
	return err->kind == ERR_RETRY &&
	       strcmp(err->code, "database_busy") != 0;
}

/* NULL: nothing more has arrived. The answers to one statement are ended by a
 * NULL of libpq's; two of them mean that there is nothing to come. */
static PGresult *next_result(struct lane *lane)
{
	for (int nulls = 0; nulls < 2 && !PQisBusy(lane->connection); nulls++) {
		PGresult *result = PQgetResult(lane->connection);
		if (result)
			return result;
	}
	return NULL;
}

static bool take_answers(struct lane *lane, struct err *err)
{
	PGresult *result;

	while (lane->first && (result = next_result(lane))) {
		if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
			keep(lane, result);
			continue;
		}
		PQclear(result);
		const struct err failed = lane->first->err;
		end_first(lane);
		if (has_failed(&failed)) {
			*err = failed;
			return false;
		}
	}
	return true;
}

static bool is_late(struct lane *lane, int64_t now_ms)
{
	if (!lane->first)
		return false;
	if (!lane->since_ms)
		lane->since_ms = now_ms;
	return now_ms - lane->since_ms > ANSWER_MOST_MS;
}

bool lane_turn(struct lane *lane, int64_t now_ms, struct err *err)
{
	if (lane->broken.kind) {
		*err = lane->broken;
		return false;
	}
	if (lane->unsent)
		lane->unsent = PQflush(lane->connection) != 0;
	if (!PQconsumeInput(lane->connection) ||
		PQstatus(lane->connection) != CONNECTION_OK)
		return store_fail(
			lane->connection, NULL, "the connection broke", err);
	if (!take_answers(lane, err))
		return false;
	if (is_late(lane, now_ms))
		return err_set(err, ERR_RETRY, "database_unavailable",
			"%s: no answer within %d s",
			lane->first->statement->name, ANSWER_MOST_MS / 1000);
	return true;
}

void lane_close(struct lane *lane, const struct err *err)
{
	while (lane->first) {
		struct transaction *transaction = take_first(lane);
		err_clear(&transaction->err);
		transaction->err = *err;
		if (transaction->unheard)
			transaction_free(transaction);
	}
	PQfinish(lane->connection);
	lane->connection = NULL;
}
