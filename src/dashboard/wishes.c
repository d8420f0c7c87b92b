/*
 * What the page asks for of clusters. Everything is a job: a list before a
 * deletion and a kubeconfig are answered by an event, which is looked up by the
 * job's id.
 */
#include "api_part.h"

#include <byoc/json.h>
#include <byoc/model.h>
#include <stdio.h>

static const char sql_cost[] =
	"SELECT byoc.cost($1, $2, $3, $4::integer, NULL, NULL)";

static const char sql_create[] =
	"INSERT INTO byoc.clusters (name, credential_id, location, type,"
	" workers, id) VALUES ($1, $2, $3, $4, $5::integer, $6)";

static const char sql_provision[] =
	"SELECT byoc.enqueue('cluster.provision', $1::uuid)";

/* The name is typed by the person, so that it is this one that is meant. */
static const char sql_delete[] =
	"SELECT byoc.enqueue('cluster.teardown', id) FROM"
	" byoc.clusters WHERE id = $1 AND name = $2";

static const char sql_plan[] =
	"SELECT json_build_object('job', byoc.enqueue('cluster.teardown',"
	" $1::uuid, NULL, '{\"dry_run\": true}'))";

static const char sql_kubeconfig[] =
	"SELECT json_build_object('job', byoc.enqueue('cluster.kubeconfig',"
	" $1::uuid))";

static const char sql_answer[] =
	"SELECT data - 'sealed_kubeconfig' FROM byoc.events"
	" WHERE cluster_id = $1 AND data ->> 'job_id' = $2";

static const char sql_sealed[] =
	"SELECT data ->> 'sealed_kubeconfig' FROM byoc.events"
	" WHERE cluster_id = $1 AND data ->> 'job_id' = $2"
	" AND data ? 'sealed_kubeconfig'";

struct wish {
	const char *name, *credential, *location, *type;
	char workers[16];
};

static bool read_wish(
	struct json_object *body, struct wish *wish, struct err *err)
{
	const struct json_in in = {body, "request", err};
	int workers = 0;

	wish->name = json_text_ref(&in, "name");
	wish->credential = json_text_ref(&in, "credential_id");
	wish->location = json_text_ref(&in, "location");
	wish->type = json_text_ref(&in, "type");
	json_int(&in, "workers", &workers);
	snprintf(wish->workers, sizeof wish->workers, "%d", workers);
	return !err->kind;
}

struct json_object *api_cost(
	struct api *api, struct json_object *body, struct err *err)
{
	struct wish wish;

	if (!read_wish(body, &wish, err) || !api_connected(api, err))
		return NULL;
	struct json_object *cost = console_json(api->connection, sql_cost,
		PARAMS(wish.credential, wish.location, wish.type, wish.workers),
		err);
	if (!cost)
		err_set(err, ERR_REFUSED, "no_prices",
			"No prices are known yet: wait until the credential "
			"is ready.");
	return cost;
}

struct json_object *api_create(
	struct api *api, struct json_object *body, struct err *err)
{
	char id[UUID_SIZE];
	struct wish wish;

	if (!read_wish(body, &wish, err) || !api_connected(api, err) ||
		!console_begin(api->connection, err))
		return NULL;
	uuid_make(id);
	bool ok = console_run(api->connection, sql_create,
			  PARAMS(wish.name, wish.credential, wish.location,
				  wish.type, wish.workers, id),
			  err) &&
		  console_run(api->connection, sql_provision, PARAMS(id), err);
	if (!console_end(api->connection, ok, err))
		return NULL;
	struct json_object *made = json_new();
	json_add_text(made, "id", id);
	return made;
}

struct json_object *api_delete(
	struct api *api, struct json_object *body, struct err *err)
{
	const struct json_in in = {body, "request", err};
	const char *id = json_text_ref(&in, "id");
	const char *name = json_text_ref(&in, "name");

	if (err->kind || !api_connected(api, err))
		return NULL;
	PGresult *rows = console_rows(
		api->connection, sql_delete, PARAMS(id, name), err);
	if (rows && PQntuples(rows) == 0)
		err_set(err, ERR_REFUSED, "not_found",
			"That is not the cluster's name: nothing was deleted.");
	PQclear(rows);
	return err->kind ? NULL : json_new();
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

struct json_object *api_plan(
	struct api *api, struct json_object *which, struct err *err)
{
	return ask(api, sql_plan, which, err);
}

struct json_object *api_kubeconfig(
	struct api *api, struct json_object *which, struct err *err)
{
	return ask(api, sql_kubeconfig, which, err);
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
