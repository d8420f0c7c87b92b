/*
 * The event job.refused. It is about a job of which nothing is recorded, so
 * that it is published with the dead letter and stands in no table. A job that
 * comes again is refused by the same event: its id is the job's.
 */
#include "refusal.h"

#include <byoc/clock.h>
#include <byoc/json.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define REFUSAL_TYPE "cloud.mengi.byoc.job.refused"

/* The job's own id; of one that could not be read, the message's. */
static bool find_id(const struct flight *flight, char id[UUID_SIZE])
{
	const char *found = flight->job.id[0] ? flight->job.id
					      : flight->delivery->message_id;

	snprintf(id, UUID_SIZE, "%s", found ? found : "");
	for (char *c = id; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return found && strlen(found) < UUID_SIZE && uuid_valid(id);
}

static const char *trace_of(const struct flight *flight)
{
	const char *trace = flight->job.traceparent[0]
				    ? flight->job.traceparent
				    : flight->delivery->traceparent;

	return trace && traceparent_valid(trace) ? trace : NULL;
}

static const char *event_body(struct arena *arena, const char *id,
	const char *trace, const struct err *reason)
{
	struct json_object *event = json_new();
	struct json_object *data = json_new();
	char time[32];

	clock_rfc3339(clock_unix_ms(), time, sizeof time);
	json_add_text(event, "specversion", "1.0");
	json_add_text(event, "id", id);
	json_add_text(event, "source", "/mengi/byoc");
	json_add_text(event, "type", REFUSAL_TYPE);
	json_add_text(event, "subject", id);
	json_add_text(event, "time", time);
	json_add_text(event, "datacontenttype", "application/json");
	json_add_text(event, "dataschema",
		"https://mengi.cloud/byoc/event.schema.json#/$defs/job.refused/"
		"properties/data");
	json_add_text(event, "sequence", "0000000001");
	if (trace)
		json_add_text(event, "traceparent", trace);
	json_add_text(data, "job_id", id);
	json_add_text(data, "code", reason->code);
	json_add_text(data, "reason", reason->text);
	json_add(event, "data", data);
	const char *body = arena_copy_text(arena, json_write(event));
	json_free(event);
	return body;
}

const struct message *refusal_event(struct arena *arena,
	const struct flight *flight, const struct err *reason)
{
	struct message *message = arena_take(arena, sizeof *message);
	const char *trace = trace_of(flight);
	char id[UUID_SIZE];

	if (!find_id(flight, id))
		return NULL;
	const char *body = event_body(arena, id, trace, reason);
	*message = (struct message){
		.exchange = BROKER_EVENTS,
		.routing_key = arena_format(arena, "job.%s.refused", id),
		.body = body,
		.size = strlen(body),
		.message_id = arena_copy_text(arena, id),
		.type = REFUSAL_TYPE,
		.content_type = EVENT_CONTENT_TYPE,
		.traceparent = arena_copy_text(arena, trace),
	};
	return message;
}
