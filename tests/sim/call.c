/*
 * The course of a call: faults, token, rate limit, permission, route, body,
 * handler. Everything under /_sim is exempt from all but route and body.
 */
#include "call.h"
#include "fault.h"
#include "memory.h"
#include "router.h"

static bool is_control(const struct call *call)
{
	return strncmp(call->path, "/_sim/", 6) == 0;
}

const char *call_query(const struct call *call, const char *key)
{
	struct json_object *values = json_at(call->query, key);

	return values ? json_object_get_string(json_nth(values, 0)) : NULL;
}

/* Counts by path pattern, so that ids do not matter. */
static void count(struct call *call)
{
	struct json_object *calls = call->world->calls;
	char key[160];

	snprintf(key, sizeof key, "%s %s", call->method,
		call->route ? call->route->pattern : "unknown");
	json_put_number(calls, key, json_number(calls, key) + 1);
}

static struct bucket *bucket_of(struct call *call)
{
	return call->project ? &call->project->bucket : &call->world->stranger;
}

static bool admit(struct call *call, const struct token *token)
{
	if (!token)
		return refuse(call, "unauthorized", "unable to authenticate");
	if (!bucket_take(bucket_of(call), call->world->now_ms))
		return refuse(call, "rate_limit_exceeded",
			"limit of %.0f requests per hour reached",
			call->project->bucket.limit);
	if (token->read_only && strcmp(call->method, "GET") != 0)
		return refuse(call, "token_readonly",
			"token is only allowed to perform GET requests");
	return true;
}

/* The one JSON value that the text is, or NULL; as strict as json-c can be. */
static struct json_object *parse(const char *text)
{
	struct json_tokener *tokener = must_have(json_tokener_new());
	struct json_object *parsed;
	const char *rest;

	json_tokener_set_flags(
		tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	parsed = json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
	rest = text + json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	if (!parsed || rest[strspn(rest, " \t\r\n")] == '\0')
		return parsed;
	json_object_put(parsed);
	return NULL;
}

static bool read_body(struct call *call)
{
	if (!call->text)
		return true;
	call->body = parse(call->text);
	return call->body ||
	       refuse(call, "json_error", "body is not valid JSON");
}

static bool find_self(struct call *call)
{
	if (!call->id)
		return true;
	call->self = resource_find(call->project, call->route->kind, call->id);
	if (!call->self)
		return refuse_missing(call, call->route->kind, call->id);
	return true;
}

static bool serve(struct call *call, const struct token *token)
{
	bool control = is_control(call);

	if (!control && !admit(call, token))
		return false;
	if (!call->route)
		return refuse(call, "not_found", "page not found");
	return read_body(call) && (control || find_self(call)) &&
	       call->route->handle(call);
}

/* Puts the answer that a fault wishes for in place of the real one. */
static void answer_fault(struct call *call)
{
	const char *code = json_text(call->fault, "code");
	const char *message = json_text(call->fault, "message");
	const char *text = json_text(call->fault, "body_text");
	unsigned status = (unsigned)json_number(call->fault, "status");

	call->drop = json_flag(call->fault, "drop");
	if (!status && !code)
		return;
	json_object_put(call->answer);
	call->answer = NULL;
	call->refused = false;
	if (text)
		call->answer_text = must_strdup(text);
	else
		refuse(call, code ? code : "server_error", "%s",
			message ? message : "simulated fault");
	if (status)
		call->status = status;
}

static bool strikes_after(const struct call *call)
{
	const char *when = json_text(call->fault, "when");

	return when && strcmp(when, "after") == 0;
}

/* Whether the fault leaves nothing to do but its own answer. */
static bool prevents(const struct call *call)
{
	return call->fault && !strikes_after(call) &&
	       (json_flag(call->fault, "drop") ||
		       json_at(call->fault, "status") ||
		       json_at(call->fault, "code"));
}

void call_arrive(struct call *call)
{
	struct world *world = call->world;
	const struct token *token;

	if (is_control(call)) {
		call->route = route_find(sim_routes, call);
		return;
	}
	world_turn(world);
	call->route = route_find(api_routes, call);
	count(call);
	token = call->token ? token_find(world, call->token) : NULL;
	call->fault = json_object_get(
		fault_on_call(world, call->method, call->path, token));
	call->delay_ms = world->latency_ms;
	call->delay_ms += json_number(call->fault, "hold_ms");
	if (!strikes_after(call))
		call->delay_ms += json_number(call->fault, "latency_ms");
}

void call_perform(struct call *call)
{
	const struct token *token =
		call->token ? token_find(call->world, call->token) : NULL;

	world_turn(call->world);
	call->project = token ? token->project : NULL;
	call->delay_ms = 0;
	if (prevents(call)) {
		answer_fault(call);
		return;
	}
	serve(call, token);
	if (call->fault && strikes_after(call)) {
		call->delay_ms = json_number(call->fault, "latency_ms");
		answer_fault(call);
	}
	if (json_at(call->fault, "hold_ms"))
		call->drop = true;
}

void call_clear(struct call *call)
{
	free(call->method);
	free(call->path);
	free(call->token);
	free(call->text);
	free(call->answer_text);
	json_object_put(call->query);
	json_object_put(call->body);
	json_object_put(call->answer);
	json_object_put(call->fault);
}
