/* Writing JSON: json-c's constructors with the checks that it leaves to us. */
#include <byoc/json.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

static struct json_object *or_abort(struct json_object *object)
{
	if (!object) {
		fputs("out of memory for JSON\n", stderr);
		abort();
	}
	return object;
}

struct json_object *json_new(void)
{
	return or_abort(json_object_new_object());
}

struct json_object *json_new_array(void)
{
	return or_abort(json_object_new_array());
}

void json_add(
	struct json_object *object, const char *key, struct json_object *member)
{
	if (json_object_object_add(object, key, member))
		or_abort(NULL);
}

void json_append(struct json_object *array, struct json_object *element)
{
	if (json_object_array_add(array, element))
		or_abort(NULL);
}

void json_add_text(
	struct json_object *object, const char *key, const char *text)
{
	json_add(object, key,
		text ? or_abort(json_object_new_string(text)) : NULL);
}

void json_add_i64(struct json_object *object, const char *key, int64_t number)
{
	json_add(object, key, or_abort(json_object_new_int64(number)));
}

void json_add_bool(struct json_object *object, const char *key, bool value)
{
	json_add(object, key, or_abort(json_object_new_boolean(value)));
}

void json_append_text(struct json_object *array, const char *text)
{
	json_append(array, or_abort(json_object_new_string(text)));
}

void json_append_i64(struct json_object *array, int64_t number)
{
	json_append(array, or_abort(json_object_new_int64(number)));
}

const char *json_write(struct json_object *object)
{
	return json_object_to_json_string_ext(object,
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}
