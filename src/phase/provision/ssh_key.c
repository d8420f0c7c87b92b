/*
 * SSH key: a new server without one would be mailed a password. Collides by
 * name or by fingerprint; no action.
 */
#include "parts.h"

#include <byoc/json.h>

bool ssh_key_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err)
{
	(void)user_data;
	(void)err;
	json_add_text(body, "public_key", facts->cluster.ssh_public_key);
	return true;
}
