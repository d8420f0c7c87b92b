/*
 * JSON through json-c. Reading goes through a cursor that remembers the first
 * complaint with its path, so that a decoder is a list of fields without
 * branches. Unknown keys are ignored; wrong types are not.
 */
#pragma once

#include <byoc/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

struct json_in {
	struct json_object *at; /* borrowed; NULL reads as an empty object */
	const char *where;      /* begins every complaint */
	struct err *err;        /* complaints are ERR_BAD_INPUT, "bad_json" */
};

/*
 * Parses a text of `size` bytes that holds one JSON value, UTF-8 and at most 32
 * levels deep, and nothing else. The caller frees with json_free.
 */
struct json_object *json_parse(const char *text, size_t size, struct err *err);
void json_free(struct json_object *object); /* takes NULL */

/* Required members: a missing or mistyped one is a complaint. */
void json_i64(const struct json_in *in, const char *key, int64_t *out);
void json_int(const struct json_in *in, const char *key, int *out);
void json_flag(const struct json_in *in, const char *key, bool *out);
/* Copies; a text that does not fit into `size` is a complaint. */
void json_text(
	const struct json_in *in, const char *key, char *out, size_t size);
/* Borrowed from the object; NULL when there is a complaint. */
const char *json_text_ref(const struct json_in *in, const char *key);

/* Optional members: missing and null leave `out` as it is. */
void json_opt_i64(const struct json_in *in, const char *key, int64_t *out);
void json_opt_int(const struct json_in *in, const char *key, int *out);
void json_opt_flag(const struct json_in *in, const char *key, bool *out);
void json_opt_text(
	const struct json_in *in, const char *key, char *out, size_t size);
const char *json_opt_text_ref(const struct json_in *in, const char *key);

/* Cursor into a required / optional object; missing optional: false. */
bool json_into(
	const struct json_in *in, const char *key, struct json_in *inner);
bool json_opt_into(
	const struct json_in *in, const char *key, struct json_in *inner);

/* Length of an array member; 0 when it is missing or null. */
size_t json_count(const struct json_in *in, const char *key);
/* Cursor at element `i` of an array member of objects. */
bool json_element(const struct json_in *in, const char *key, size_t i,
	struct json_in *element);
int64_t json_element_i64(const struct json_in *in, const char *key, size_t i);
/* What is no text is given as JSON, without a complaint; NULL: nothing there or
 * null. Lives as long as the object. */
const char *json_element_text_ref(
	const struct json_in *in, const char *key, size_t i);

/*
 * Writing: builds objects of the caller's. The added object belongs to
 * `object` from then on. A NULL text adds null.
 */
struct json_object *json_new(void);
struct json_object *json_new_array(void);
void json_add_text(
	struct json_object *object, const char *key, const char *text);
void json_add_i64(struct json_object *object, const char *key, int64_t number);
void json_add_bool(struct json_object *object, const char *key, bool value);
void json_add(struct json_object *object, const char *key,
	struct json_object *member);
void json_append(struct json_object *array, struct json_object *element);
void json_append_text(struct json_object *array, const char *text);
void json_append_i64(struct json_object *array, int64_t number);

/* Compact text; borrowed from `object` until it is changed or freed. */
const char *json_write(struct json_object *object);
