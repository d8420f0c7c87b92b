/*
 * The outbox: rows written in the same transaction as what they tell about. The
 * worker that wrote them publishes them at once; any worker may after a while.
 */
#include "store.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS "id, exchange, routing_key, message_id, type, traceparent, body"

static const struct statement written_now = {"written_now",
	"SELECT " COLUMNS " FROM byoc.outbox"
	" WHERE id > $1::bigint"
	" AND transaction = pg_current_xact_id_if_assigned() ORDER BY id",
	1};

static const struct statement take_outbox = {"take_outbox",
	"SELECT " COLUMNS " FROM byoc.take_outbox($1::integer)", 1};

/* Not worth a wait for the disk: what a crash brings back is published twice.
 */
static const struct statement published = {"published",
	"WITH lazy AS (SELECT set_config('synchronous_commit', 'off', true))"
	" DELETE FROM byoc.outbox USING lazy WHERE id = ANY ($1::bigint[])",
	1};

static const struct statement requeue_lost = {"requeue_lost",
	"SELECT byoc.requeue_lost($1::integer * interval '1 millisecond')", 1};

static struct outbox_row *add_row(struct outbox *outbox)
{
	if (outbox->count == outbox->room) {
		size_t room = outbox->room ? outbox->room * 2 : 64;
		struct outbox_row *rows = arena_take(
			outbox->arena, room * sizeof(struct outbox_row));
		if (outbox->count)
			memcpy(rows, outbox->rows,
				outbox->count * sizeof *rows);
		outbox->rows = rows;
		outbox->room = room;
	}
	return &outbox->rows[outbox->count++];
}

static bool read_rows(struct store *store, const struct statement *statement,
	const char *const *parameters, struct outbox *outbox, struct err *err)
{
	PGresult *result = store_run(store, statement, parameters, err);

	if (!result)
		return false;
	for (int i = 0; i < PQntuples(result); i++) {
		struct outbox_row *row = add_row(outbox);
		char **texts[] = {&row->exchange, &row->routing_key,
			&row->message_id, &row->type, &row->traceparent,
			&row->body};
		row->id = store_i64(result, i, 0);
		for (size_t t = 0; t < COUNT(texts); t++)
			*texts[t] = arena_copy_text(outbox->arena,
				store_text(result, i, (int)t + 1));
	}
	PQclear(result);
	return true;
}

bool store_written(struct store *store, struct outbox *written, struct err *err)
{
	char text[24];
	const char *parameters[] = {text};

	snprintf(text, sizeof text, "%lld", (long long)store->newest_row);
	if (!read_rows(store, &written_now, parameters, written, err))
		return false;
	if (written->count)
		store->newest_row = written->rows[written->count - 1].id;
	return true;
}

bool store_take_outbox(
	struct store *store, int most, struct outbox *taken, struct err *err)
{
	char text[16];
	const char *parameters[] = {text};

	snprintf(text, sizeof text, "%d", most);
	return read_rows(store, &take_outbox, parameters, taken, err);
}

bool store_published(
	struct store *store, const int64_t *ids, size_t count, struct err *err)
{
	if (count == 0)
		return true;
	struct arena *arena = arena_new();
	size_t room = count * 21 + 3;
	char *array = arena_take(arena, room);
	size_t used = 0;
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(array + used, room - used, "%c%lld",
			i ? ',' : '{', (long long)ids[i]);
	array[used] = '}';

	const char *parameters[] = {array};
	PGresult *result = store_run(store, &published, parameters, err);
	PQclear(result);
	arena_free(arena);
	return result != NULL;
}

bool store_requeue_lost(struct store *store, int grace_ms, int *requeued,
	struct outbox *written, struct err *err)
{
	char text[16];
	const char *parameters[] = {text};
	PGresult *result = NULL;

	snprintf(text, sizeof text, "%d", grace_ms);
	bool ok = store_begin(store, err) &&
		  (result = store_run(store, &requeue_lost, parameters, err)) &&
		  store_written(store, written, err) && store_end(store, err);
	if (ok)
		*requeued = store_int(result, 0, 0);
	else
		store_abandon(store);
	PQclear(result);
	return ok;
}
