/*
 * Reading a request body field by field. The first thing that is wrong
 * becomes the refusal; what is read after it is empty.
 */
#include "call.h"
#include "label.h"
#include "name.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct fields fields_of(struct call *call)
{
	struct fields in = {.call = call, .at = call->body};

	if (!json_object_is_type(call->body, json_type_object))
		refuse(call, "json_error", "a JSON object is required");
	return in;
}

struct fields fields_in(const struct fields *outer, const char *key)
{
	struct fields in = {.call = outer->call, .at = json_at(outer->at, key)};

	if (in.at && !json_object_is_type(in.at, json_type_object))
		refuse_at(outer, key, "must be an object");
	snprintf(in.where, sizeof in.where, "%.40s%s.", outer->where, key);
	return in;
}

struct fields fields_nth(
	const struct fields *outer, const char *key, size_t nth)
{
	struct fields in = {.call = outer->call,
		.at = json_nth(json_at(outer->at, key), nth)};

	snprintf(in.where, sizeof in.where, "%.20s%.20s.%zu.", outer->where,
		key, nth);
	if (!json_object_is_type(in.at, json_type_object))
		refuse_at(outer, key, "must be a list of objects");
	return in;
}

bool refuse_at(
	const struct fields *in, const char *key, const char *format, ...)
{
	char message[200];
	char field[128];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	snprintf(field, sizeof field, "%s%s", in->where, key);
	return refuse_field(in->call, field, "%s", message);
}

/* The value when it is of the type; null counts as absent. */
static struct json_object *value_of(
	struct fields *in, const char *key, enum json_type type, bool required)
{
	struct json_object *value = json_at(in->at, key);

	if (in->call->refused)
		return NULL;
	if (!value) {
		if (required)
			refuse_at(in, key, "is required");
		return NULL;
	}
	if (!json_object_is_type(value, type)) {
		refuse_at(
			in, key, "must be of type %s", json_type_to_name(type));
		return NULL;
	}
	return value;
}

const char *may_text(struct fields *in, const char *key, const char *otherwise)
{
	struct json_object *value = value_of(in, key, json_type_string, false);

	return value ? json_object_get_string(value) : otherwise;
}

const char *want_text(struct fields *in, const char *key)
{
	struct json_object *value = value_of(in, key, json_type_string, true);

	return value ? json_object_get_string(value) : NULL;
}

const char *want_word(
	struct fields *in, const char *key, const char *const words[])
{
	const char *text = want_text(in, key);

	if (!text)
		return NULL;
	for (size_t i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return text;
	refuse_at(in, key, "'%s' is not one of the possible values", text);
	return NULL;
}

int64_t may_number(struct fields *in, const char *key, int64_t least,
	int64_t most, int64_t otherwise)
{
	struct json_object *value = value_of(in, key, json_type_int, false);

	if (!value)
		return otherwise;

	int64_t number = json_object_get_int64(value);

	if (number >= least && number <= most)
		return number;
	refuse_at(in, key, "must be between %lld and %lld", (long long)least,
		(long long)most);
	return otherwise;
}

int64_t want_number(
	struct fields *in, const char *key, int64_t least, int64_t most)
{
	if (!value_of(in, key, json_type_int, true))
		return least;
	return may_number(in, key, least, most, least);
}

int64_t may_id(struct fields *in, const char *key)
{
	return may_number(in, key, 1, INT64_MAX, 0);
}

int64_t want_id(struct fields *in, const char *key)
{
	return want_number(in, key, 1, INT64_MAX);
}

bool may_flag(struct fields *in, const char *key, bool otherwise)
{
	struct json_object *value = value_of(in, key, json_type_boolean, false);

	return value ? json_object_get_boolean(value) : otherwise;
}

static struct json_object *list_of(
	struct fields *in, const char *key, enum json_type type, bool required)
{
	struct json_object *list = value_of(in, key, json_type_array, required);

	for (size_t i = 0; i < json_count(list) && type != ANY_TYPE; i++) {
		if (json_object_is_type(json_nth(list, i), type))
			continue;
		refuse_at(in, key, "must be a list of type %s",
			json_type_to_name(type));
		return NULL;
	}
	return list;
}

struct json_object *may_list(
	struct fields *in, const char *key, enum json_type type)
{
	return list_of(in, key, type, false);
}

struct json_object *want_list(
	struct fields *in, const char *key, enum json_type type)
{
	return list_of(in, key, type, true);
}

const char *want_name(struct fields *in, enum kind kind)
{
	const char *name = want_text(in, "name");

	if (!name)
		return NULL;
	if (!name_is_valid(kind, name)) {
		refuse_at(in, "name", "is not a valid name for a %s",
			kinds[kind].one);
		return NULL;
	}
	return require_name_free(in->call, kind, name) ? name : NULL;
}

struct json_object *may_labels(struct fields *in)
{
	struct json_object *labels =
		value_of(in, "labels", json_type_object, false);

	if (!labels)
		return json_object_new_object();
	json_object_object_foreach(labels, key, value)
	{
		const char *text = json_object_get_string(value);

		if (!json_object_is_type(value, json_type_string) ||
			!label_key_is_valid(key) || !label_value_is_valid(text))
			refuse_at(in, "labels", "'%.100s' is not valid", key);
	}
	return json_copy(labels);
}

struct resource *find_reference(
	struct project *project, enum kind kind, struct json_object *value)
{
	if (json_object_is_type(value, json_type_int))
		return resource_find(
			project, kind, json_object_get_int64(value));
	if (!json_object_is_type(value, json_type_string))
		return NULL;

	const char *text = json_object_get_string(value);
	struct resource *found = resource_named(project, kind, text);

	if (found)
		return found;
	return resource_find(project, kind, strtoll(text, NULL, 10));
}

struct resource *want_reference(
	struct fields *in, const char *key, enum kind kind)
{
	struct json_object *value = json_at(in->at, key);

	if (in->call->refused)
		return NULL;
	if (!value) {
		refuse_at(in, key, "is required");
		return NULL;
	}

	struct resource *found = find_reference(in->call->project, kind, value);

	if (!found)
		refuse_at(in, key, "%s '%s' not found", kinds[kind].one,
			json_object_get_string(value));
	return found;
}
