/*
 * The outbox: rows written in the same transaction as what they tell about. The
 * worker that wrote them publishes them at once; any worker may after a while.
 */
#include "store.h"

#include <stdio.h>

#define COLUMNS "id, exchange, routing_key, message_id, type, traceparent, body"

/* The last row of an answer is no message. */
#define LAST_ROW(id, text)                                                     \
	" UNION ALL SELECT " id ", " text ", NULL, NULL, NULL, NULL, NULL"

/* Sent by a lane behind every statement that writes. Also one that has written
 * nothing tells the newest id, so that no other begins among rows long dead. */
const struct statement written_now = {"written_now",
	"(SELECT " COLUMNS " FROM byoc.outbox"
	" WHERE id > $1::bigint"
	" AND transaction = pg_current_xact_id_if_assigned() ORDER BY id)" LAST_ROW(
		"byoc.newest_outbox_row()", "NULL"),
	1, false};

/* Tells the place for the next look, and the id below its floor. */
const struct statement relay_outbox = {"relay_outbox",
	"SELECT " COLUMNS " FROM byoc.take_outbox(CASE WHEN $3::boolean THEN 0"
	" ELSE ($1::byoc.outbox_place).floor END, $2::integer)" LAST_ROW(
		"p.floor - 1",
		"p::text") " FROM byoc.next_outbox_place("
			   "$1::byoc.outbox_place, $3::boolean) p",
	3, false};

/* Not worth a wait for the disk: what a crash brings back is published twice.
 */
const struct statement forget_published = {"forget_published",
	"WITH lazy AS (SELECT set_config('synchronous_commit', 'off', true))"
	" DELETE FROM byoc.outbox USING lazy WHERE id = ANY ($1::bigint[])",
	1, false};

const struct statement requeue_lost = {"requeue_lost",
	"SELECT byoc.requeue_lost("
	"$1::integer * interval '1 millisecond', $2::boolean,"
	" $3::integer * interval '1 millisecond')",
	3, true};

const struct statement tend_history = {
	"tend_history", "SELECT byoc.tend_history()", 0, false};

static void read_row(const PGresult *rows, int i, struct arena *arena,
	struct outbox_row *row)
{
	char **texts[] = {&row->exchange, &row->routing_key, &row->message_id,
		&row->type, &row->traceparent, &row->body};

	row->id = store_i64(rows, i, 0);
	for (size_t t = 0; t < COUNT(texts); t++)
		*texts[t] =
			arena_copy_text(arena, store_text(rows, i, (int)t + 1));
}

static const PGresult *outbox_rows(const struct transaction *transaction)
{
	return transaction->statement == &relay_outbox ? transaction->rows
						       : transaction->written;
}

void transaction_outbox(const struct transaction *transaction,
	struct arena *arena, struct outbox *outbox)
{
	const PGresult *rows = outbox_rows(transaction);
	int count = PQntuples(rows);

	if (count)
		count--; /* the last row */
	*outbox = (struct outbox){
		.rows = arena_take(
			arena, (size_t)count * sizeof(struct outbox_row)),
		.count = (size_t)count,
	};
	for (int i = 0; i < count; i++)
		read_row(rows, i, arena, &outbox->rows[i]);
}

static const char *id_array(
	struct arena *arena, const int64_t *ids, size_t count)
{
	size_t room = count * 21 + 3;
	char *array = arena_take(arena, room);
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(array + used, room - used, "%c%lld",
			i ? ',' : '{', (long long)ids[i]);
	array[used] = '}';
	return array;
}

struct transaction *store_send_published(
	struct store *store, const int64_t *ids, size_t count)
{
	struct transaction *transaction = transaction_new(&forget_published);

	transaction->parameters[0] = id_array(transaction->arena, ids, count);
	store_send(store, LANE_OUTCOMES, transaction);
	return transaction;
}

const struct outbox_place outbox_begin = {"(0,,,,)"};

struct transaction *store_send_relay(struct store *store,
	const struct outbox_place *place, int most, bool full_look)
{
	struct transaction *transaction = transaction_new(&relay_outbox);

	transaction->parameters[0] =
		arena_copy_text(transaction->arena, place->text);
	transaction->parameters[1] = parameter_i64(transaction, most);
	transaction->parameters[2] = full_look ? "true" : "false";
	store_send(store, LANE_INTAKE, transaction);
	return transaction;
}

void store_read_place(
	const struct transaction *transaction, struct outbox_place *place)
{
	int last = PQntuples(transaction->rows) - 1;

	snprintf(place->text, sizeof place->text, "%s",
		store_text(transaction->rows, last, 1));
}

int64_t outbox_newest(const struct transaction *transaction)
{
	const PGresult *rows = outbox_rows(transaction);
	int count = PQntuples(rows);

	return count ? store_i64(rows, count - 1, 0) : 0;
}

struct transaction *store_send_watch(
	struct store *store, int grace_ms, int pause_ms, bool waiting_is_lost)
{
	struct transaction *transaction = transaction_new(&requeue_lost);

	transaction->parameters[0] = parameter_i64(transaction, grace_ms);
	transaction->parameters[1] = waiting_is_lost ? "true" : "false";
	transaction->parameters[2] = parameter_i64(transaction, pause_ms);
	store_send(store, LANE_INTAKE, transaction);
	return transaction;
}

int store_read_requeued(const struct transaction *transaction)
{
	return store_int(transaction->rows, 0, 0);
}

struct transaction *store_send_tending(struct store *store)
{
	struct transaction *transaction = transaction_new(&tend_history);

	store_send(store, LANE_INTAKE, transaction);
	return transaction;
}
