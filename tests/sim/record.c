/*
 * The recording: one JSON object per line for each exchange with the API; at_ms
 * is when it was answered, by a clock that begins anywhere.
 */
#include "call.h"

#include <string.h>

void call_record(const struct call *call)
{
	FILE *file = call->world->record;
	struct json_object *line;

	if (!file || strncmp(call->path, "/_sim/", 6) == 0)
		return;
	line = json_object_new_object();
	json_put_text(line, "method", call->method);
	json_put_text(line, "path", call->path);
	json_put(line, "query", json_object_get(call->query));
	json_put_number(line, "status", call->drop ? 0 : call->status);
	json_put_number(line, "at_ms", call->world->now_ms);
	json_put(line, "request", json_object_get(call->body));
	json_put(line, "response", json_object_get(call->answer));
	json_put_flag(line, "fault", call->fault != NULL);
	fprintf(file, "%s\n",
		json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN));
	fflush(file);
	json_object_put(line);
}
