/* Kubeconfigs: what they are minted from, and the events that carry them. */
#include "store.h"

/* A row for each job, in the jobs' order. */
static const struct statement load_kubeconfigs = {"load_kubeconfigs",
	"SELECT c.id, c.name, c.sealed_authorities,"
	" (SELECT host(r.public_address) FROM byoc.resources r"
	"  WHERE r.cluster_id = c.id AND r.phase = 'load_balancer')"
	" FROM jsonb_array_elements_text($1::jsonb) WITH ORDINALITY j(id, n)"
	" LEFT JOIN byoc.clusters c ON c.id = j.id::uuid ORDER BY j.n",
	1};

static const struct statement emit_kubeconfigs = {
	"emit_kubeconfigs", "SELECT byoc.emit_kubeconfigs($1::jsonb)", 1};

bool store_load_kubeconfigs(struct store *store, struct kubeconfig *kubeconfigs,
	size_t count, struct arena *arena, struct err *err)
{
	struct json_object *ids = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_append_text(ids, kubeconfigs[i].job->subject);
	const char *parameters[] = {json_write(ids)};
	PGresult *rows = store_run(store, &load_kubeconfigs, parameters, err);
	json_free(ids);
	for (int i = 0; i < PQntuples(rows); i++) {
		struct kubeconfig *to = &kubeconfigs[i];
		to->known = store_text(rows, i, 0) != NULL;
		to->cluster_name =
			arena_copy_text(arena, store_text(rows, i, 1));
		to->sealed_authorities =
			arena_copy_text(arena, store_text(rows, i, 2));
		to->address = arena_copy_text(arena, store_text(rows, i, 3));
	}
	PQclear(rows);
	return rows != NULL;
}

static struct json_object *describe_answer(const struct kubeconfig *kubeconfig)
{
	const struct job *job = kubeconfig->job;
	struct json_object *row = json_new();

	json_add_text(row, "cluster_id", job->subject);
	json_add_text(row, "job_id", job->id);
	json_add_text(row, "public_key", job->public_key);
	json_add_text(row, "traceparent",
		job->traceparent[0] ? job->traceparent : NULL);
	if (kubeconfig->sealed) {
		json_add_text(row, "sealed_kubeconfig", kubeconfig->sealed);
		json_add_text(row, "expires_at", kubeconfig->expires_at);
	}
	return row;
}

static bool answer(struct store *store, const struct kubeconfig *kubeconfigs,
	size_t count, struct err *err)
{
	struct json_object *rows = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_append(rows, describe_answer(&kubeconfigs[i]));
	const char *parameters[] = {json_write(rows)};
	PGresult *result = store_run(store, &emit_kubeconfigs, parameters, err);
	json_free(rows);
	PQclear(result);
	return result != NULL;
}

bool store_answer_kubeconfigs(struct store *store,
	const struct kubeconfig *kubeconfigs, size_t count,
	struct outbox *written, struct err *err)
{
	if (store_begin(store, err) && answer(store, kubeconfigs, count, err) &&
		store_written(store, written, err) && store_end(store, err))
		return true;
	store_abandon(store);
	return false;
}
