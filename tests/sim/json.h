/*
 * A few words on top of json-c. "put" and "add" take over the value they are
 * given; everything that is read is borrowed from the object it came from.
 */
#ifndef SIM_JSON_H
#define SIM_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* Parses text that is known to be good; 'single quotes' are allowed. */
struct json_object *json_literal(const char *text);

/* Each answers its empty value when the key is missing or of another type. */
struct json_object *json_at(const struct json_object *from, const char *key);
const char *json_text(const struct json_object *from, const char *key);
int64_t json_number(const struct json_object *from, const char *key);
bool json_flag(const struct json_object *from, const char *key);

void json_put(
	struct json_object *to, const char *key, struct json_object *value);
void json_put_text(struct json_object *to, const char *key, const char *value);
void json_put_number(struct json_object *to, const char *key, int64_t value);
void json_put_flag(struct json_object *to, const char *key, bool value);

/* NULL and what is no list count as an empty list. */
size_t json_count(const struct json_object *list);
struct json_object *json_nth(const struct json_object *list, size_t nth);
void json_add(struct json_object *list, struct json_object *value);
void json_add_number(struct json_object *list, int64_t value);
bool json_holds_text(const struct json_object *list, const char *wanted);

/* A copy that shares nothing with the original. */
struct json_object *json_copy(struct json_object *from);

#endif
