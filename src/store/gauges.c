/* Gauges: what is true of all clusters and of the outbox, now and then. */
#include "store.h"

#include <string.h>

const struct statement read_gauges = {"read_gauges",
	"SELECT name, label, value"
	" FROM byoc.gauges(($1::byoc.outbox_place).floor)",
	1, false};

struct transaction *store_send_gauges(
	struct store *store, const struct outbox_place *place)
{
	struct transaction *transaction = transaction_new(&read_gauges);

	transaction->parameters[0] =
		arena_copy_text(transaction->arena, place->text);
	store_send(store, LANE_OUTCOMES, transaction);
	return transaction;
}

void store_read_gauges(
	const struct transaction *transaction, struct gauges *gauges)
{
	const PGresult *rows = transaction->rows;

	*gauges = (struct gauges){0};
	for (int i = 0; i < PQntuples(rows); i++) {
		const char *name = store_text(rows, i, 0);
		const char *label = store_text(rows, i, 1);
		int64_t value = store_i64(rows, i, 2);
		int status =
			label ? words_find(&cluster_status_words, label) : -1;

		if (strcmp(name, "clusters") == 0 && status >= 0)
			gauges->clusters[status] = value;
		else if (strcmp(name, "outbox_late_ms") == 0)
			gauges->outbox_late_ms = value;
	}
}
