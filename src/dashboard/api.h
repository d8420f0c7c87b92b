/* What the page asks of the database, as JSON. */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>
#include <byoc/settings.h>

struct api;
struct json_object;

/*
 * `recipient_file` holds the secret half of a recipient's key, and has its
 * public half beside it (.pub); NULL: the page opens no kubeconfigs. Borrows
 * both arguments for as long as the api lives.
 */
struct api *api_open(const struct settings *settings,
	const char *recipient_file, struct err *err);
void api_free(struct api *api); /* takes NULL */

/* {credentials, clusters, deleted, events, opens}; the caller frees. NULL on
 * failure, as below. `opens`: can kubeconfigs be opened here? */
struct json_object *api_overview(struct api *api, struct err *err);

/* ---- New clusters (wishes.c) ---- */

/* `wish`: name, credential_id, location, type, workers, and, for whoever wants
 * them, server_type, api_sources and ssh_sources. */
struct json_object *api_cost(
	struct api *api, struct json_object *wish, struct err *err);
struct json_object *api_create(
	struct api *api, struct json_object *wish, struct err *err);

/* ---- Jobs (jobs.c) ---- */

/* `which`: id, and its name as the person typed it; keep_volumes and
 * with_neighbours. */
struct json_object *api_delete(
	struct api *api, struct json_object *which, struct err *err);
/* What a deletion has met with: {swept_at, lines}. `which`: id. */
struct json_object *api_receipt(
	struct api *api, struct json_object *which, struct err *err);

/* `which`: id; of a plan, the deletion's options, too. They give {job}. */
struct json_object *api_retry(
	struct api *api, struct json_object *which, struct err *err);
struct json_object *api_repair(
	struct api *api, struct json_object *which, struct err *err);
/* These are answered by an event. */
struct json_object *api_plan(
	struct api *api, struct json_object *which, struct err *err);
struct json_object *api_audit(
	struct api *api, struct json_object *which, struct err *err);
struct json_object *api_kubeconfig(
	struct api *api, struct json_object *which, struct err *err);
/* `which`: id and job. The data of the event, without what is sealed; an empty
 * object: there is none yet. */
struct json_object *api_answer(
	struct api *api, struct json_object *which, struct err *err);
/* The kubeconfig of such an answer, opened; the caller clears. */
bool api_open_kubeconfig(struct api *api, struct json_object *which,
	struct secret *kubeconfig, struct err *err);

/* ---- Credentials (tokens.c) ---- */

/* The token is sealed at once; the caller clears it. `name` and `id` may come
 * NULL, and are refused then. */
struct json_object *api_add_credential(struct api *api, const char *name,
	const struct secret *token, struct err *err);
struct json_object *api_rotate_credential(struct api *api, const char *id,
	const struct secret *token, struct err *err);
