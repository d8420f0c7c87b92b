/* A few words on top of json-c; out of memory ends the process. */
#include "json.h"
#include "memory.h"

struct json_object *json_literal(const char *text)
{
	struct json_object *parsed = json_tokener_parse(text);

	if (!parsed)
		give_up("a literal is not JSON");
	return parsed;
}

struct json_object *json_at(const struct json_object *from, const char *key)
{
	struct json_object *found = NULL;

	if (json_object_is_type(from, json_type_object))
		json_object_object_get_ex(from, key, &found);
	return found;
}

const char *json_text(const struct json_object *from, const char *key)
{
	struct json_object *found = json_at(from, key);

	if (!json_object_is_type(found, json_type_string))
		return NULL;
	return json_object_get_string(found);
}

int64_t json_number(const struct json_object *from, const char *key)
{
	struct json_object *found = json_at(from, key);

	if (!json_object_is_type(found, json_type_int))
		return 0;
	return json_object_get_int64(found);
}

bool json_flag(const struct json_object *from, const char *key)
{
	struct json_object *found = json_at(from, key);

	return json_object_is_type(found, json_type_boolean) &&
	       json_object_get_boolean(found);
}

void json_put(
	struct json_object *to, const char *key, struct json_object *value)
{
	if (json_object_object_add(to, key, value) != 0)
		give_up("JSON cannot be built");
}

void json_put_text(struct json_object *to, const char *key, const char *value)
{
	json_put(to, key, value ? json_object_new_string(value) : NULL);
}

void json_put_number(struct json_object *to, const char *key, int64_t value)
{
	json_put(to, key, json_object_new_int64(value));
}

void json_put_flag(struct json_object *to, const char *key, bool value)
{
	json_put(to, key, json_object_new_boolean(value));
}

size_t json_count(const struct json_object *list)
{
	if (!json_object_is_type(list, json_type_array))
		return 0;
	return json_object_array_length(list);
}

struct json_object *json_nth(const struct json_object *list, size_t nth)
{
	return json_object_array_get_idx(list, nth);
}

void json_add(struct json_object *list, struct json_object *value)
{
	if (json_object_array_add(list, value) != 0)
		give_up("JSON cannot be built");
}

void json_add_number(struct json_object *list, int64_t value)
{
	json_add(list, json_object_new_int64(value));
}

bool json_holds_text(const struct json_object *list, const char *wanted)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const char *text = json_object_get_string(json_nth(list, i));

		if (text && strcmp(text, wanted) == 0)
			return true;
	}
	return false;
}

struct json_object *json_copy(struct json_object *from)
{
	struct json_object *copy = NULL;

	if (from && json_object_deep_copy(from, &copy, NULL) != 0)
		give_up("JSON cannot be built");
	return copy;
}
