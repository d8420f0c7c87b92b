/* Labels and the selectors that choose by them. */
#ifndef SIM_LABEL_H
#define SIM_LABEL_H

#include "json.h"

bool label_key_is_valid(const char *key);
bool label_value_is_valid(const char *value);

/*
 * A selector such as "app=web,tier in (a, b),!canary", parsed. NULL when the
 * text is not a selector. An empty one selects everything.
 */
struct selector *selector_parse(const char *text);
void selector_free(struct selector *selector);
bool selector_matches(
	const struct selector *selector, const struct json_object *labels);

/*
 * Whether {"selector": …}, as targets and firewalls hold it, selects these
 * labels. The parsed form is kept with the JSON object.
 */
bool selector_in(struct json_object *holder, const struct json_object *labels);

#endif
