/* Answers and refusals, in the shape the API gives them. */
#include "call.h"
#include "memory.h"

#include <stdarg.h>

static const struct {
	const char *code;
	unsigned status;
} statuses[] = {
	{"unauthorized", 401},
	{"token_readonly", 403},
	{"forbidden", 403},
	{"protected", 403},
	{"resource_limit_exceeded", 403},
	{"not_found", 404},
	{"firewall_resource_not_found", 404},
	{"uniqueness_error", 409},
	{"conflict", 409},
	{"deprecated_api_endpoint", 410},
	{"resource_unavailable", 412},
	{"locked", 423},
	{"rate_limit_exceeded", 429},
	{"json_error", 400},
	{"server_error", 500},
	{"unknown_error", 500},
	{"bad_gateway", 502},
	{"maintenance", 503},
	{"unavailable", 503},
	{"timeout", 504},
};

/* What is not listed is a rule of one kind that was broken: 422. */
unsigned status_of(const char *code)
{
	for (size_t i = 0; i < COUNT(statuses); i++)
		if (strcmp(statuses[i].code, code) == 0)
			return statuses[i].status;
	return 422;
}

bool answer(struct call *call, unsigned status, const char *key,
	struct json_object *value)
{
	if (call->answer)
		give_up("a handler went on after a refusal");
	call->status = status;
	call->answer = json_object_new_object();
	json_put(call->answer, key, value);
	return true;
}

bool answer_nothing(struct call *call)
{
	if (call->answer)
		give_up("a handler went on after a refusal");
	call->status = 204;
	return true;
}

void answer_add(struct call *call, const char *key, struct json_object *value)
{
	json_put(call->answer, key, value);
}

bool act(struct call *call, const struct plan *plan)
{
	struct resource *action = action_start(call->project, plan);

	return answer(
		call, 201, "action", resource_view(call->project, action));
}

static void refuse_with(struct call *call, unsigned status, const char *code,
	const char *message, struct json_object *details)
{
	struct json_object *error = json_object_new_object();

	json_put_text(error, "code", code);
	json_put_text(error, "message", message);
	json_put(error, "details", details);
	call->refused = true;
	answer(call, status, "error", error);
}

bool refuse(struct call *call, const char *code, const char *format, ...)
{
	char message[300];
	va_list args;

	if (call->refused)
		return false;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	refuse_with(call, status_of(code), code, message, NULL);
	return false;
}

/* {"fields": [{"name": …, "messages": […]}]} */
static struct json_object *field_details(const char *field, const char *message)
{
	struct json_object *details = json_object_new_object();
	struct json_object *fields = json_object_new_array();
	struct json_object *entry = json_object_new_object();
	struct json_object *messages = json_object_new_array();

	json_add(messages, json_object_new_string(message));
	json_put_text(entry, "name", field);
	json_put(entry, "messages", messages);
	json_add(fields, entry);
	json_put(details, "fields", fields);
	return details;
}

bool refuse_field(struct call *call, const char *field, const char *format, ...)
{
	char message[300];
	char whole[400];
	va_list args;

	if (call->refused)
		return false;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	snprintf(whole, sizeof whole, "invalid input in field '%s'", field);
	refuse_with(call, 422, "invalid_input", whole,
		field_details(field, message));
	return false;
}

bool refuse_query(struct call *call, const char *parameter)
{
	if (!call->refused)
		refuse_with(call, 400, "invalid_input",
			"invalid input in query",
			field_details(parameter, "not a valid value"));
	return false;
}

bool refuse_taken(struct call *call, const char *field)
{
	if (!call->refused)
		refuse_with(call, 409, "uniqueness_error",
			"resource with this value already exists",
			field_details(field, "is already used"));
	return false;
}

bool refuse_missing(struct call *call, enum kind kind, int64_t id)
{
	return refuse(call, "not_found", "%s with ID '%lld' not found",
		kinds[kind].one, (long long)id);
}
