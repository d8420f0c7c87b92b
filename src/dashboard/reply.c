/* Answers over HTTP, each with the headers that keep a page to itself. */
#include "reply.h"

#include <byoc/json.h>
#include <byoc/memory.h>
#include <string.h>

static const struct {
	const char *name, *value;
} headers[] = {
	{"Content-Security-Policy",
		"default-src 'none'; script-src 'self'; style-src 'self'; "
		"connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
		"form-action 'none'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cache-Control", "no-store"},
};

enum MHD_Result reply_send(struct MHD_Connection *connection, unsigned status,
	const char *type, struct MHD_Response *response)
{
	if (!response)
		return MHD_NO;
	enum MHD_Result result = MHD_YES;
	if (type)
		result =
			MHD_add_response_header(response, "Content-Type", type);
	for (size_t i = 0; i < COUNT(headers) && result == MHD_YES; i++)
		result = MHD_add_response_header(
			response, headers[i].name, headers[i].value);
	if (result == MHD_YES)
		result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned status,
	const char *type, const char *text, size_t size)
{
	return reply_send(connection, status, type,
		MHD_create_response_from_buffer(
			size, (void *)text, MHD_RESPMEM_MUST_COPY));
}

enum MHD_Result reply_json(struct MHD_Connection *connection, unsigned status,
	struct json_object *object)
{
	const char *text = json_write(object);
	enum MHD_Result result = reply_text(
		connection, status, "application/json", text, strlen(text));

	json_free(object);
	return result;
}

enum MHD_Result reply_refuse(struct MHD_Connection *connection, unsigned status,
	const char *code, const char *text)
{
	struct json_object *body = json_new();

	json_add_text(body, "code", code);
	json_add_text(body, "text", text);
	return reply_json(connection, status, body);
}

enum MHD_Result reply_answer(struct MHD_Connection *connection,
	struct json_object *object, const struct err *err)
{
	if (object)
		return reply_json(connection, MHD_HTTP_OK, object);
	return reply_refuse(connection,
		err->kind == ERR_RETRY ? MHD_HTTP_SERVICE_UNAVAILABLE
				       : MHD_HTTP_BAD_REQUEST,
		err->code, err->text);
}
