/* Kubeconfigs: what they are minted from, and the events that carry them. */
#include "store.h"

/* A row for each job, in the jobs' order. */
const struct statement load_kubeconfigs = {"load_kubeconfigs",
	"SELECT c.id, c.name, c.sealed_authorities,"
	" (SELECT host(r.public_address) FROM byoc.resources r"
	"  WHERE r.cluster_id = c.id AND r.phase = 'load_balancer'),"
	" (SELECT k.recipient_key FROM byoc.credentials k"
	"  WHERE k.id = c.credential_id)"
	" FROM jsonb_array_elements_text($1::jsonb) WITH ORDINALITY j(id, n)"
	" LEFT JOIN byoc.clusters c ON c.id = j.id::uuid ORDER BY j.n",
	1, false};

const struct statement emit_kubeconfigs = {
	"emit_kubeconfigs", "SELECT byoc.emit_kubeconfigs($1::jsonb)", 1, true};

struct transaction *store_send_kubeconfigs(
	struct store *store, const struct kubeconfig *kubeconfigs, size_t count)
{
	struct transaction *transaction = transaction_new(&load_kubeconfigs);
	struct json_object *ids = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_append_text(ids, kubeconfigs[i].job->subject);
	transaction->parameters[0] = parameter_json(transaction, ids);
	store_send(store, LANE_INTAKE, transaction);
	return transaction;
}

void store_read_kubeconfigs(const struct transaction *transaction,
	struct kubeconfig *kubeconfigs, size_t count, struct arena *arena)
{
	const PGresult *rows = transaction->rows;

	for (int i = 0; i < PQntuples(rows) && (size_t)i < count; i++) {
		struct kubeconfig *to = &kubeconfigs[i];
		to->known = store_text(rows, i, 0) != NULL;
		to->cluster_name =
			arena_copy_text(arena, store_text(rows, i, 1));
		to->sealed_authorities =
			arena_copy_text(arena, store_text(rows, i, 2));
		to->address = arena_copy_text(arena, store_text(rows, i, 3));
		to->recipient_key =
			arena_copy_text(arena, store_text(rows, i, 4));
	}
}

static struct json_object *describe_answer(
	const struct kubeconfig *kubeconfig, size_t n)
{
	const struct job *job = kubeconfig->job;
	struct json_object *row = json_new();

	json_add_i64(row, "n", (int64_t)n);
	json_add_text(row, "cluster_id", job->subject);
	json_add_text(row, "job_id", job->id);
	json_add_text(row, "traceparent",
		job->traceparent[0] ? job->traceparent : NULL);
	if (kubeconfig->sealed) {
		json_add_text(row, "sealed_kubeconfig", kubeconfig->sealed);
		json_add_text(row, "expires_at", kubeconfig->expires_at);
		json_add_text(row, "recipient_key", kubeconfig->recipient_key);
	} else if (kubeconfig->refusal) {
		json_add_text(row, "code", kubeconfig->refusal->code);
		json_add_text(row, "reason", kubeconfig->refusal->text);
	}
	return row;
}

struct transaction *store_send_answers(
	struct store *store, const struct kubeconfig *kubeconfigs, size_t count)
{
	struct transaction *transaction = transaction_new(&emit_kubeconfigs);
	struct json_object *rows = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_append(rows, describe_answer(&kubeconfigs[i], i));
	transaction->parameters[0] = parameter_json(transaction, rows);
	store_send(store, LANE_INTAKE, transaction);
	return transaction;
}
