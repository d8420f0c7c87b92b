/*
 * The address that the cluster goes out under, and that its customer puts on
 * lists elsewhere: it is nobody's but the cluster's, so that a gateway may be
 * made again without it changing.
 */
#include "parts.h"

#include <byoc/json.h>

bool gateway_address_describe(const struct facts *facts,
	struct json_object *body, struct secret *user_data, struct err *err)
{
	(void)user_data;
	(void)err;
	json_add_text(body, "type", "ipv4");
	json_add_text(body, "assignee_type", "server");
	json_add_bool(body, "auto_delete", false);
	json_add_text(body, "location",
		words_text(&location_words, (int)facts->cluster.location));
	return true;
}
