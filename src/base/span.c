/* Spans: their ids, and the JSON of OTLP. */
#include <byoc/span.h>

#include <byoc/json.h>
#include <byoc/memory.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { TRACE_BYTES = 16, ID_BYTES = 8, NS_IN_MS = 1000 * 1000 };

/* Where they are in "00-<trace>-<parent>-<flags>". */
enum { TRACE_AT = 3, PARENT_AT = 36, FLAGS_AT = 53 };

static void make_id(struct span *span)
{
	unsigned char bytes[ID_BYTES];

	randombytes_buf(bytes, sizeof bytes);
	sodium_bin2hex(span->id, sizeof span->id, bytes, sizeof bytes);
}

/* The lowest bit of the flags: whoever began the trace records it. */
static bool is_sampled(const char *traceparent)
{
	return strchr("13579bdf", traceparent[FLAGS_AT + 1]) != NULL;
}

bool span_follow(struct span *span, const char *traceparent)
{
	if (!is_sampled(traceparent))
		return false;
	*span = (struct span){0};
	make_id(span);
	memcpy(span->trace, traceparent + TRACE_AT, sizeof span->trace - 1);
	memcpy(span->parent, traceparent + PARENT_AT, sizeof span->parent - 1);
	return true;
}

void span_root(struct span *span, const char *seed)
{
	unsigned char bytes[TRACE_BYTES];

	*span = (struct span){0};
	make_id(span);
	crypto_generichash(bytes, sizeof bytes, (const unsigned char *)seed,
		strlen(seed), NULL, 0);
	sodium_bin2hex(span->trace, sizeof span->trace, bytes, sizeof bytes);
}

void span_child(struct span *span, const struct span *parent)
{
	*span = (struct span){0};
	make_id(span);
	memcpy(span->trace, parent->trace, sizeof span->trace);
	memcpy(span->parent, parent->id, sizeof span->parent);
}

static struct span_attribute *add(struct span *span, const char *key)
{
	struct span_attribute *attribute;

	if (span->attribute_count == SPAN_ATTRIBUTES_MOST)
		return NULL;
	attribute = &span->attributes[span->attribute_count++];
	attribute->key = key;
	return attribute;
}

void span_add_text(struct span *span, const char *key, const char *value)
{
	struct span_attribute *attribute = add(span, key);

	if (attribute)
		snprintf(attribute->text, sizeof attribute->text, "%s", value);
}

void span_add_i64(struct span *span, const char *key, int64_t value)
{
	struct span_attribute *attribute = add(span, key);

	if (!attribute)
		return;
	attribute->is_number = true;
	attribute->number = value;
}

/* ---- Writing; 64-bit numbers are texts in protobuf's JSON ---- */

static void add_number(
	struct json_object *object, const char *key, int64_t number)
{
	char text[32];

	snprintf(text, sizeof text, "%lld", (long long)number);
	json_add_text(object, key, text);
}

static struct json_object *write_attribute(const struct span_attribute *from)
{
	struct json_object *attribute = json_new();
	struct json_object *value = json_new();

	json_add_text(attribute, "key", from->key);
	if (from->is_number)
		add_number(value, "intValue", from->number);
	else
		json_add_text(value, "stringValue", from->text);
	json_add(attribute, "value", value);
	return attribute;
}

static struct json_object *write_status(const struct span *span)
{
	enum { STATUS_UNSET = 0, STATUS_ERROR = 2 };
	struct json_object *status = json_new();

	json_add_i64(
		status, "code", span->failed ? STATUS_ERROR : STATUS_UNSET);
	return status;
}

static struct json_object *write_span(const struct span *span)
{
	struct json_object *object = json_new();
	struct json_object *attributes = json_new_array();

	json_add_text(object, "traceId", span->trace);
	json_add_text(object, "spanId", span->id);
	if (span->parent[0])
		json_add_text(object, "parentSpanId", span->parent);
	json_add_text(object, "name", span->name);
	json_add_i64(object, "kind", span->kind);
	add_number(object, "startTimeUnixNano", span->begin_ms * NS_IN_MS);
	add_number(object, "endTimeUnixNano", span->end_ms * NS_IN_MS);
	for (size_t i = 0; i < span->attribute_count; i++)
		json_append(attributes, write_attribute(&span->attributes[i]));
	json_add(object, "attributes", attributes);
	json_add(object, "status", write_status(span));
	return object;
}

static struct json_object *write_resource(
	const char *version, const char *instance)
{
	const struct {
		const char *key, *value;
	} known[] = {{"service.name", "byoc-worker"},
		{"service.version", version},
		{"service.instance.id", instance}};
	struct json_object *resource = json_new();
	struct json_object *attributes = json_new_array();

	for (size_t i = 0; i < COUNT(known); i++) {
		struct span_attribute attribute = {.key = known[i].key};
		snprintf(attribute.text, sizeof attribute.text, "%s",
			known[i].value);
		json_append(attributes, write_attribute(&attribute));
	}
	json_add(resource, "attributes", attributes);
	return resource;
}

static struct json_object *write_scope(const struct span *spans, size_t count)
{
	struct json_object *group = json_new();
	struct json_object *scope = json_new();
	struct json_object *list = json_new_array();

	json_add_text(scope, "name", "byoc");
	json_add(group, "scope", scope);
	for (size_t i = 0; i < count; i++)
		json_append(list, write_span(&spans[i]));
	json_add(group, "spans", list);
	return group;
}

/* {"resourceSpans": [{resource, "scopeSpans": [{scope, "spans": []}]}]} */
char *spans_write(const struct span *spans, size_t count, const char *version,
	const char *instance)
{
	struct json_object *request = json_new();
	struct json_object *groups = json_new_array();
	struct json_object *group = json_new();
	struct json_object *scopes = json_new_array();

	json_append(scopes, write_scope(spans, count));
	json_add(group, "resource", write_resource(version, instance));
	json_add(group, "scopeSpans", scopes);
	json_append(groups, group);
	json_add(request, "resourceSpans", groups);
	char *text = memory_copy_text(json_write(request));
	json_free(request);
	return text;
}
