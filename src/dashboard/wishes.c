/*
 * New clusters: what one would cost, and asking for it. Whoever may reach it is
 * checked here, so that a mistake gets a sentence that tells how it is written.
 */
#include "api_part.h"

#include <byoc/json.h>
#include <byoc/memory.h>
#include <byoc/model.h>
#include <byoc/network.h>
#include <json-c/json.h>
#include <stdio.h>

enum { SOURCES_MOST = 10 };

static const char sql_cost[] =
	"SELECT byoc.cost($1, $2, $3, $4::integer, $5, NULL)";

/* What is not said is as the table has it; nobody named may reach the API:
 * everybody may. */
static const char sql_create[] =
	"INSERT INTO byoc.clusters (name, credential_id, location, type,"
	" workers, server_type, api_sources, ssh_sources, ingress,"
	" pod_security, id)"
	" VALUES ($1, $2, $3, $4, $5::integer, $6,"
	" coalesce($7::cidr[], '{0.0.0.0/0,::/0}'),"
	" coalesce($8::cidr[], '{}'), coalesce($9, 'none'),"
	" coalesce($10, 'baseline'), $11)";

static const char sql_provision[] =
	"SELECT byoc.enqueue('cluster.provision', $1::uuid)";

/* As PostgreSQL writes arrays. */
struct sources {
	char text[SOURCES_MOST * NETWORK_SIZE + 3];
	bool named;
};

struct wish {
	const char *name, *credential, *location, *type, *server_type;
	const char *ingress, *pod_security; /* NULL: the usual ones */
	bool same_name; /* although the credential has one of that name */
	char workers[16];
	struct sources api, ssh;
};

static bool add_source(struct json_object *element, struct sources *sources,
	size_t *used, struct err *err)
{
	const char *text = json_object_get_string(element);
	char network[NETWORK_SIZE];
	char why[200];

	if (!network_read(text ? text : "", network, why, sizeof why))
		return err_set(err, ERR_BAD_INPUT, "bad_network", "%.60s: %s",
			text ? text : "null", why);
	*used += (size_t)snprintf(sources->text + *used,
		sizeof sources->text - *used, "%c%s",
		sources->named ? ',' : '{', network);
	sources->named = true;
	return true;
}

static void read_sources(struct json_object *body, const char *key,
	struct sources *sources, struct err *err)
{
	struct json_object *list = json_object_object_get(body, key);
	size_t used = 0;

	if (!list || err->kind)
		return;
	size_t count = json_object_is_type(list, json_type_array)
			       ? json_object_array_length(list)
			       : SIZE_MAX;
	if (count > SOURCES_MOST) {
		err_set(err, ERR_BAD_INPUT, "bad_request",
			"Name at most %d networks.", SOURCES_MOST);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (!add_source(json_object_array_get_idx(list, i), sources,
			    &used, err))
			return;
	if (sources->named)
		snprintf(
			sources->text + used, sizeof sources->text - used, "}");
}

static bool read_wish(
	struct json_object *body, struct wish *wish, struct err *err)
{
	const struct json_in in = {body, "request", err};
	int workers = 0;

	*wish = (struct wish){0};
	wish->name = json_text_ref(&in, "name");
	wish->credential = json_text_ref(&in, "credential_id");
	wish->location = json_text_ref(&in, "location");
	wish->type = json_text_ref(&in, "type");
	wish->server_type = json_opt_text_ref(&in, "server_type");
	wish->ingress = json_opt_text_ref(&in, "ingress");
	wish->pod_security = json_opt_text_ref(&in, "pod_security");
	json_opt_flag(&in, "same_name", &wish->same_name);
	json_int(&in, "workers", &workers);
	snprintf(wish->workers, sizeof wish->workers, "%d", workers);
	read_sources(body, "api_sources", &wish->api, err);
	read_sources(body, "ssh_sources", &wish->ssh, err);
	return !err->kind;
}

struct json_object *api_cost(
	struct api *api, struct json_object *body, struct err *err)
{
	struct wish wish;

	if (!read_wish(body, &wish, err) || !api_connected(api, err))
		return NULL;
	struct json_object *cost = console_json(api->connection, sql_cost,
		PARAMS(wish.credential, wish.location, wish.type, wish.workers,
			wish.server_type),
		err);
	if (!cost && !err->kind)
		err_set(err, ERR_REFUSED, "no_prices",
			"No prices are known yet: wait until the credential "
			"is ready.");
	return cost;
}

/* Who asks twice, because the first answer was lost, would pay twice. */
static bool name_free(struct api *api, const struct wish *wish, struct err *err)
{
	if (wish->same_name)
		return true;
	PGresult *rows = console_cluster_of_name(
		api->connection, wish->credential, wish->name, err);
	if (rows && PQntuples(rows) > 0)
		err_set(err, ERR_REFUSED, "name_taken",
			"This credential has a cluster '%s' already (%s): "
			"choose another name, or allow the same name.",
			wish->name, PQgetvalue(rows, 0, 1));
	PQclear(rows);
	return !err->kind;
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
	bool ok = name_free(api, &wish, err) &&
		  console_run(api->connection, sql_create,
			  PARAMS(wish.name, wish.credential, wish.location,
				  wish.type, wish.workers, wish.server_type,
				  wish.api.named ? wish.api.text : NULL,
				  wish.ssh.named ? wish.ssh.text : NULL,
				  wish.ingress, wish.pod_security, id),
			  err) &&
		  console_run(api->connection, sql_provision, PARAMS(id), err);
	if (!console_end(api->connection, ok, err))
		return NULL;
	struct json_object *made = json_new();
	json_add_text(made, "id", id);
	return made;
}
