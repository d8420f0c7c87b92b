/*
 * Reading JSON through a cursor that remembers the first complaint. A text
 * with a zero byte inside is refused: C would see only its beginning.
 */
#include <byoc/json.h>

#include <json-c/json.h>
#include <limits.h>
#include <string.h>

enum { JSON_DEPTH = 32 };

struct json_object *json_parse(const char *text, size_t size, struct err *err)
{
	if (size > INT_MAX) {
		err_set(err, ERR_BAD_INPUT, "bad_json", "the text is too long");
		return NULL;
	}
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
	if (!tokener) {
		err_set(err, ERR_BUG, "bad_json", "no memory for JSON");
		return NULL;
	}
	json_tokener_set_flags(
		tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *object =
		json_tokener_parse_ex(tokener, text, (int)size);
	enum json_tokener_error error = json_tokener_get_error(tokener);
	size_t end = json_tokener_get_parse_end(tokener);
	/* A bare number ends only with the text: give it its end. */
	if (error == json_tokener_continue) {
		object = json_tokener_parse_ex(tokener, "", 1);
		error = json_tokener_get_error(tokener);
		end = size;
	}
	if (error == json_tokener_success && end < size &&
		strspn(text + end, " \t\r\n") < size - end) {
		json_object_put(object);
		object = NULL;
		err_set(err, ERR_BAD_INPUT, "bad_json",
			"something follows the JSON value");
	} else if (error != json_tokener_success) {
		err_set(err, ERR_BAD_INPUT, "bad_json", "not JSON: %s",
			json_tokener_error_desc(error));
	}
	json_tokener_free(tokener);
	return object;
}

void json_free(struct json_object *object)
{
	json_object_put(object);
}

static void complain(
	const struct json_in *in, const char *key, const char *want)
{
	err_set(in->err, ERR_BAD_INPUT, "bad_json", "%s.%s: want %s", in->where,
		key, want);
}

/* The member, or NULL when it is missing, null or `in` is no object. */
static struct json_object *member(const struct json_in *in, const char *key)
{
	struct json_object *found = NULL;

	if (json_object_is_type(in->at, json_type_object))
		json_object_object_get_ex(in->at, key, &found);
	return found;
}

static bool read_i64(const struct json_in *in, const char *key,
	struct json_object *value, int64_t *out)
{
	if (!json_object_is_type(value, json_type_int)) {
		complain(in, key, "an integer");
		return false;
	}
	*out = json_object_get_int64(value);
	return true;
}

void json_i64(const struct json_in *in, const char *key, int64_t *out)
{
	read_i64(in, key, member(in, key), out);
}

void json_opt_i64(const struct json_in *in, const char *key, int64_t *out)
{
	struct json_object *value = member(in, key);

	if (value)
		read_i64(in, key, value, out);
}

static void read_int(const struct json_in *in, const char *key,
	struct json_object *value, int *out)
{
	int64_t wide;

	if (!read_i64(in, key, value, &wide))
		return;
	if (wide < INT_MIN || wide > INT_MAX) {
		complain(in, key, "a small integer");
		return;
	}
	*out = (int)wide;
}

void json_int(const struct json_in *in, const char *key, int *out)
{
	read_int(in, key, member(in, key), out);
}

void json_opt_int(const struct json_in *in, const char *key, int *out)
{
	struct json_object *value = member(in, key);

	if (value)
		read_int(in, key, value, out);
}

static void read_bool(const struct json_in *in, const char *key,
	struct json_object *value, bool *out)
{
	if (json_object_is_type(value, json_type_boolean))
		*out = json_object_get_boolean(value);
	else
		complain(in, key, "true or false");
}

void json_flag(const struct json_in *in, const char *key, bool *out)
{
	read_bool(in, key, member(in, key), out);
}

void json_opt_flag(const struct json_in *in, const char *key, bool *out)
{
	struct json_object *value = member(in, key);

	if (value)
		read_bool(in, key, value, out);
}

static const char *read_text(
	const struct json_in *in, const char *key, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_string)) {
		complain(in, key, "a text");
		return NULL;
	}
	const char *text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value)) {
		complain(in, key, "a text without zero bytes");
		return NULL;
	}
	return text;
}

const char *json_text_ref(const struct json_in *in, const char *key)
{
	return read_text(in, key, member(in, key));
}

const char *json_opt_text_ref(const struct json_in *in, const char *key)
{
	struct json_object *value = member(in, key);

	return value ? read_text(in, key, value) : NULL;
}

static void copy_text(const struct json_in *in, const char *key,
	const char *text, char *out, size_t size)
{
	if (!text)
		return;
	size_t length = strlen(text);
	if (length < size)
		memcpy(out, text, length + 1);
	else
		complain(in, key, "a shorter text");
}

void json_text(
	const struct json_in *in, const char *key, char *out, size_t size)
{
	copy_text(in, key, json_text_ref(in, key), out, size);
}

void json_opt_text(
	const struct json_in *in, const char *key, char *out, size_t size)
{
	copy_text(in, key, json_opt_text_ref(in, key), out, size);
}

static bool read_into(const struct json_in *in, const char *key,
	struct json_object *value, struct json_in *inner)
{
	*inner = (struct json_in){.at = value, .where = key, .err = in->err};
	if (json_object_is_type(value, json_type_object))
		return true;
	complain(in, key, "an object");
	inner->at = NULL;
	return false;
}

bool json_into(const struct json_in *in, const char *key, struct json_in *inner)
{
	return read_into(in, key, member(in, key), inner);
}

bool json_opt_into(
	const struct json_in *in, const char *key, struct json_in *inner)
{
	struct json_object *value = member(in, key);

	*inner = (struct json_in){.where = key, .err = in->err};
	return value && read_into(in, key, value, inner);
}

size_t json_count(const struct json_in *in, const char *key)
{
	struct json_object *value = member(in, key);

	if (!value)
		return 0;
	if (!json_object_is_type(value, json_type_array)) {
		complain(in, key, "an array");
		return 0;
	}
	return json_object_array_length(value);
}

static struct json_object *nth(
	const struct json_in *in, const char *key, size_t i)
{
	struct json_object *value = member(in, key);

	return json_object_is_type(value, json_type_array)
		       ? json_object_array_get_idx(value, i)
		       : value;
}

bool json_element(const struct json_in *in, const char *key, size_t i,
	struct json_in *element)
{
	return read_into(in, key, nth(in, key, i), element);
}

int64_t json_element_i64(const struct json_in *in, const char *key, size_t i)
{
	int64_t number = 0;

	read_i64(in, key, nth(in, key, i), &number);
	return number;
}

const char *json_element_text_ref(
	const struct json_in *in, const char *key, size_t i)
{
	return json_object_get_string(nth(in, key, i));
}
