/*
 * Labels and selectors. The grammar: requirements between commas, each one of
 * k, !k, k=v, k==v, k!=v, k in (v, …), k notin (v, …).
 */
#include "label.h"
#include "memory.h"

#include <ctype.h>

enum test { LABEL_SET, LABEL_UNSET, LABEL_IN, LABEL_NOT_IN };

struct requirement {
	struct requirement *next;
	enum test test;
	char *key;
	struct json_object *values;
};

struct selector {
	struct requirement *first;
};

/* 0 to 63 characters, alphanumeric at both ends. */
static bool is_label_part(const char *text, size_t length)
{
	if (length == 0)
		return true;
	if (length > 63 || !isalnum((unsigned char)text[0]) ||
		!isalnum((unsigned char)text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
			return false;
	return true;
}

static bool is_prefix(const char *text, size_t length)
{
	if (length == 0 || length > 253)
		return false;
	for (const char *end = text + length; text <= end;) {
		size_t part = strcspn(text, "./");

		if (part == 0 || !is_label_part(text, part))
			return false;
		text += part + 1;
	}
	return true;
}

static bool key_has_form(const char *key)
{
	const char *slash = strchr(key, '/');
	const char *name = slash ? slash + 1 : key;

	if (slash && !is_prefix(key, (size_t)(slash - key)))
		return false;
	return *name && is_label_part(name, strlen(name));
}

bool label_key_is_valid(const char *key)
{
	static const char reserved[] = "hetzner.cloud/";

	return key_has_form(key) &&
	       strncmp(key, reserved, sizeof reserved - 1) != 0;
}

bool label_value_is_valid(const char *value)
{
	return is_label_part(value, strlen(value));
}

static void skip_space(const char **at)
{
	while (isspace((unsigned char)**at))
		(*at)++;
}

/* Steps over the word if it comes next. */
static bool accept(const char **at, const char *word)
{
	skip_space(at);
	if (strncmp(*at, word, strlen(word)) != 0)
		return false;
	*at += strlen(word);
	return true;
}

/* The next run of label characters; may be empty. Owned by the caller. */
static char *take_word(const char **at)
{
	skip_space(at);

	const char *begin = *at;

	while (isalnum((unsigned char)**at) || (**at && strchr("._-/", **at)))
		(*at)++;

	return must_have(strndup(begin, (size_t)(*at - begin)));
}

static bool take_value(const char **at, struct requirement *requirement)
{
	char *word = take_word(at);
	bool valid = label_value_is_valid(word);

	json_add(requirement->values, json_object_new_string(word));
	free(word);
	return valid;
}

static bool take_values(const char **at, struct requirement *requirement)
{
	if (!accept(at, "("))
		return false;
	do {
		if (!take_value(at, requirement))
			return false;
	} while (accept(at, ","));
	return accept(at, ")");
}

/* What stands behind the key. */
static bool take_test(const char **at, struct requirement *requirement)
{
	requirement->test = LABEL_NOT_IN;
	if (accept(at, "!="))
		return take_value(at, requirement);
	if (accept(at, "notin"))
		return take_values(at, requirement);
	requirement->test = LABEL_IN;
	if (accept(at, "==") || accept(at, "="))
		return take_value(at, requirement);
	if (accept(at, "in"))
		return take_values(at, requirement);
	requirement->test = LABEL_SET;
	return true;
}

static bool take_requirement(const char **at, struct requirement *requirement)
{
	bool unset = accept(at, "!");

	requirement->key = take_word(at);
	requirement->values = json_object_new_array();
	if (!key_has_form(requirement->key))
		return false;
	requirement->test = LABEL_UNSET;
	return unset || take_test(at, requirement);
}

struct selector *selector_parse(const char *text)
{
	struct selector *selector = must_calloc(1, sizeof *selector);
	struct requirement **end = &selector->first;
	const char *at = text;

	skip_space(&at);
	if (!*at)
		return selector;
	do {
		*end = must_calloc(1, sizeof **end);
		if (!take_requirement(&at, *end)) {
			selector_free(selector);
			return NULL;
		}
		end = &(*end)->next;
	} while (accept(&at, ","));
	skip_space(&at);
	if (!*at)
		return selector;
	selector_free(selector);
	return NULL;
}

void selector_free(struct selector *selector)
{
	if (!selector)
		return;
	while (selector->first) {
		struct requirement *requirement = selector->first;

		selector->first = requirement->next;
		free(requirement->key);
		json_object_put(requirement->values);
		free(requirement);
	}
	free(selector);
}

static bool meets(
	const struct requirement *requirement, const struct json_object *labels)
{
	const char *value = json_text(labels, requirement->key);

	switch (requirement->test) {
	case LABEL_SET:
		return value != NULL;
	case LABEL_UNSET:
		return value == NULL;
	case LABEL_IN:
		return value && json_holds_text(requirement->values, value);
	case LABEL_NOT_IN:
		return !value || !json_holds_text(requirement->values, value);
	}
	return false;
}

bool selector_matches(
	const struct selector *selector, const struct json_object *labels)
{
	for (const struct requirement *r = selector->first; r; r = r->next)
		if (!meets(r, labels))
			return false;
	return true;
}

static void drop_parsed(struct json_object *holder, void *parsed)
{
	(void)holder;
	selector_free(parsed);
}

bool selector_in(struct json_object *holder, const struct json_object *labels)
{
	struct selector *parsed = json_object_get_userdata(holder);

	if (!parsed) {
		parsed = selector_parse(json_text(holder, "selector"));
		if (!parsed)
			return false;
		json_object_set_userdata(holder, parsed, drop_parsed);
	}
	return selector_matches(parsed, labels);
}
