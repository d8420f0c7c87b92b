/* Answers over HTTP. */
#pragma once

#include <byoc/err.h>
#include <microhttpd.h>

struct json_object;

/* Takes `response` over; NULL: there was no memory for one. `type` NULL: it has
 * no body. */
enum MHD_Result reply_send(struct MHD_Connection *connection, unsigned status,
	const char *type, struct MHD_Response *response);
enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned status,
	const char *type, const char *text, size_t size);
/* Takes `object` over. */
enum MHD_Result reply_json(struct MHD_Connection *connection, unsigned status,
	struct json_object *object);
/* `text` is a sentence for whoever looks at the page. */
enum MHD_Result reply_refuse(struct MHD_Connection *connection, unsigned status,
	const char *code, const char *text);
/* `object`, which is taken over, or what `err` says where it is NULL. */
enum MHD_Result reply_answer(struct MHD_Connection *connection,
	struct json_object *object, const struct err *err);
