/*
 * What the page asks for of clusters and credentials that there are. Everything
 * is a job: a list before a deletion, an audit and a kubeconfig are answered by
 * an event, which is looked up by the job's id.
 */
#include "api_part.h"

#include <byoc/json.h>

/* The name is typed by the person, so that it is this one that is meant. */
static const char sql_delete[] =
	"SELECT byoc.enqueue('cluster.teardown', id, NULL, $3::jsonb) FROM"
	" byoc.clusters WHERE id = $1 AND name = $2";

static const char sql_plan[] =
	"SELECT json_build_object('job', byoc.enqueue('cluster.teardown',"
	" $1::uuid, NULL, $2::jsonb || '{\"dry_run\": true}'))";

static const char sql_retry[] =
	"SELECT json_build_object('job', byoc.retry_cluster($1::uuid))";

/* One that comes while something else is done to the cluster does nothing, and
 * is told by nothing. */
static const char sql_repair[] =
	"SELECT json_build_object('job', byoc.enqueue('cluster.repair', id))"
	" FROM byoc.clusters"
	" WHERE id = $1 AND status = 'running' AND goal = 'provision'";

static const char sql_audit[] =
	"SELECT json_build_object('job', byoc.enqueue('credential.audit',"
	" $1::uuid))";

static const char sql_kubeconfig[] =
	"SELECT json_build_object('job', byoc.enqueue('cluster.kubeconfig',"
	" $1::uuid))";

static const char sql_answer[] =
	"SELECT data::jsonb - 'sealed_kubeconfig' FROM ("
	" SELECT data FROM byoc.events WHERE cluster_id = $1"
	" UNION ALL SELECT data FROM byoc.events WHERE credential_id = $1) e"
	" WHERE data ->> 'job_id' = $2";

static const char sql_sealed[] =
	"SELECT data ->> 'sealed_kubeconfig' FROM byoc.events"
	" WHERE cluster_id = $1 AND data ->> 'job_id' = $2"
	" AND data -> 'sealed_kubeconfig' IS NOT NULL";

static const char sql_receipt[] =
	"SELECT json_build_object('swept_at', c.swept_at, 'lines',"
	" (SELECT coalesce(json_agg(json_build_object('fate', r.fate, 'kind',"
	"  r.kind, 'name', r.name, 'why', r.why, 'at', r.at)"
	"  ORDER BY r.fate = 'kept' DESC, r.at, r.hetzner_id), '[]')"
	"  FROM byoc.receipts r WHERE r.cluster_id = c.id))"
	" FROM byoc.clusters c WHERE c.id = $1";

/* What a deletion is told, from what the person ticked; the caller frees. */
static struct json_object *read_options(
	struct json_object *body, struct err *err)
{
	static const char *const known[] = {
		"keep_volumes", "with_neighbours", "all_gone"};
	const struct json_in in = {body, "request", err};
	struct json_object *options = json_new();

	for (size_t i = 0; i < COUNT(known); i++) {
		bool wanted = false;

		json_opt_flag(&in, known[i], &wanted);
		if (wanted)
			json_add_bool(options, known[i], true);
	}
	return options;
}

struct json_object *api_delete(
	struct api *api, struct json_object *body, struct err *err)
{
	const struct json_in in = {body, "request", err};
	const char *id = json_text_ref(&in, "id");
	const char *name = json_text_ref(&in, "name");
	struct json_object *options = read_options(body, err);
	PGresult *rows = NULL;

	if (!err->kind && api_connected(api, err))
		rows = console_rows(api->connection, sql_delete,
			PARAMS(id, name, json_write(options)), err);
	if (rows && PQntuples(rows) == 0)
		err_set(err, ERR_REFUSED, "not_found",
			"That is not the cluster's name: nothing was deleted.");
	PQclear(rows);
	json_free(options);
	return err->kind ? NULL : json_new();
}

struct json_object *api_plan(
	struct api *api, struct json_object *body, struct err *err)
{
	const struct json_in in = {body, "request", err};
	const char *id = json_text_ref(&in, "id");
	struct json_object *options = read_options(body, err);
	struct json_object *asked = NULL;

	if (!err->kind && api_connected(api, err))
		asked = console_json(api->connection, sql_plan,
			PARAMS(id, json_write(options)), err);
	json_free(options);
	return asked;
}

static struct json_object *ask(struct api *api, const char *sql,
	struct json_object *body, struct err *err)
{
	const struct json_in in = {body, "request", err};
	const char *id = json_text_ref(&in, "id");

	if (err->kind || !api_connected(api, err))
		return NULL;
	return console_json(api->connection, sql, PARAMS(id), err);
}

struct json_object *api_retry(
	struct api *api, struct json_object *which, struct err *err)
{
	return ask(api, sql_retry, which, err);
}

struct json_object *api_repair(
	struct api *api, struct json_object *which, struct err *err)
{
	struct json_object *asked = ask(api, sql_repair, which, err);

	if (!asked && !err->kind)
		err_set(err, ERR_REFUSED, "not_running",
			"Only a cluster that runs can be repaired, while "
			"nothing else is done to it.");
	return asked;
}

struct json_object *api_audit(
	struct api *api, struct json_object *which, struct err *err)
{
	return ask(api, sql_audit, which, err);
}

struct json_object *api_kubeconfig(
	struct api *api, struct json_object *which, struct err *err)
{
	return ask(api, sql_kubeconfig, which, err);
}

struct json_object *api_receipt(
	struct api *api, struct json_object *which, struct err *err)
{
	struct json_object *receipt = ask(api, sql_receipt, which, err);

	if (!receipt && !err->kind)
		err_set(err, ERR_REFUSED, "not_found",
			"There is no such cluster.");
	return receipt;
}

struct json_object *api_answer(
	struct api *api, struct json_object *which, struct err *err)
{
	const struct json_in in = {which, "request", err};
	const char *id = json_text_ref(&in, "id");
	const char *job = json_text_ref(&in, "job");

	if (err->kind || !api_connected(api, err))
		return NULL;
	struct json_object *answer =
		console_json(api->connection, sql_answer, PARAMS(id, job), err);
	return answer || err->kind ? answer : json_new();
}

bool api_open_kubeconfig(struct api *api, struct json_object *which,
	struct secret *kubeconfig, struct err *err)
{
	const struct json_in in = {which, "request", err};
	const char *id = json_text_ref(&in, "id");
	const char *job = json_text_ref(&in, "job");

	if (err->kind || !api_connected(api, err))
		return false;
	if (!api->recipient_file)
		return err_set(err, ERR_REFUSED, "no_recipient_key",
			"Start `byoc dashboard` with --recipient-key FILE, so "
			"that kubeconfigs can be opened here.");
	PGresult *rows =
		console_rows(api->connection, sql_sealed, PARAMS(id, job), err);
	if (rows && PQntuples(rows) == 0)
		err_set(err, ERR_REFUSED, "not_found",
			"There is no kubeconfig yet: ask again.");
	bool ok =
		!err->kind && recipient_open(api->recipient_file,
				      PQgetvalue(rows, 0, 0), kubeconfig, err);
	PQclear(rows);
	return ok;
}
