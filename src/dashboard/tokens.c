/*
 * Tokens go from locked memory into a sealed box, for which the public key is
 * enough, and from there into the database. Nothing here can open one.
 */
#include "api_part.h"

#include <byoc/json.h>
#include <byoc/model.h>
#include <byoc/seal.h>
#include <stdlib.h>
#include <string.h>

static const char sql_add[] =
	"INSERT INTO byoc.credentials (id, name, sealed_token, recipient_key)"
	" VALUES ($1, $2, $3, $4)";

static const char sql_validate[] =
	"SELECT byoc.enqueue('credential.validate', $1::uuid)";

static const char sql_rotate[] = "SELECT byoc.rotate_credential($1, $2)";

/* The caller frees; NULL: it could not be sealed. */
static char *seal_token(struct api *api, const char *id,
	const struct secret *token, struct err *err)
{
	char context[SEAL_CONTEXT_SIZE];
	char *sealed = NULL;

	if (token->size == 0) {
		err_set(err, ERR_BAD_INPUT, "token_empty",
			"There is no token: paste one.");
		return NULL;
	}
	struct keyring *keyring = keyring_load(api->key_dir, false, err);
	if (keyring) {
		seal_context(context, "credential", id, "token");
		seal(keyring, context, token->bytes, token->size, &sealed, err);
	}
	keyring_free(keyring);
	return sealed;
}

static bool store(struct api *api, const char *id, const char *name,
	const char *sealed, struct err *err)
{
	const char *key = api->recipient_file ? api->recipient_key : NULL;
	bool ok = console_begin(api->connection, err) &&
		  console_run(api->connection, sql_add,
			  PARAMS(id, name, sealed, key), err) &&
		  console_run(api->connection, sql_validate, PARAMS(id), err);
	ok = console_end(api->connection, ok, err);
	if (!ok && strcmp(err->code, "exists") == 0) {
		err_clear(err);
		err_set(err, ERR_REFUSED, "name_taken",
			"There is a credential of this name already: choose "
			"another name, or give that one a new token.");
	}
	return ok;
}

struct json_object *api_add_credential(struct api *api, const char *name,
	const struct secret *token, struct err *err)
{
	char id[UUID_SIZE];

	if (!name || !*name) {
		err_set(err, ERR_BAD_INPUT, "bad_request",
			"Give the credential a name.");
		return NULL;
	}
	uuid_make(id);
	char *sealed = api_connected(api, err) ? seal_token(api, id, token, err)
					       : NULL;
	bool ok = sealed && store(api, id, name, sealed, err);
	free(sealed);
	if (!ok)
		return NULL;
	struct json_object *made = json_new();
	json_add_text(made, "id", id);
	return made;
}

struct json_object *api_rotate_credential(struct api *api, const char *id,
	const struct secret *token, struct err *err)
{
	if (!id) {
		err_set(err, ERR_BAD_INPUT, "bad_request",
			"Say which credential is meant.");
		return NULL;
	}
	char *sealed = api_connected(api, err) ? seal_token(api, id, token, err)
					       : NULL;
	bool ok = sealed && console_run(api->connection, sql_rotate,
				    PARAMS(id, sealed), err);
	free(sealed);
	return ok ? json_new() : NULL;
}
