/* Hetzner's price list (`GET /pricing`): a month's prices, net, in millionths.
 */
#include "parts.h"

#include <byoc/json.h>
#include <ctype.h>
#include <string.h>

/* "3.7900000000" in millionths; -1: no price. */
static int64_t millionths(const char *text)
{
	int64_t value = 0;
	int places = -1;

	if (!text || !isdigit((unsigned char)*text))
		return -1;
	for (const char *c = text; *c && places < 6; c++) {
		if (*c == '.' && places < 0) {
			places = 0;
		} else if (isdigit((unsigned char)*c) &&
			   value < INT64_MAX / 100) {
			value = 10 * value + (*c - '0');
			places += places >= 0;
		} else {
			return -1;
		}
	}
	for (places = places < 0 ? 0 : places; places < 6; places++)
		value *= 10;
	return value;
}

int64_t pricing_net(const struct json_in *in, const char *key)
{
	struct json_in price;

	return json_opt_into(in, key, &price)
		       ? millionths(json_opt_text_ref(&price, "net"))
		       : -1;
}

/* Of an entry of `list` with that name, the price in that location. */
int64_t pricing_of_type(const struct json_in *pricing, const char *list,
	const char *key, const char *name, const char *location)
{
	struct json_in entry, place;
	size_t count = json_count(pricing, list);

	for (size_t i = 0; i < count; i++) {
		if (!json_element(pricing, list, i, &entry))
			continue;
		const char *called = json_opt_text_ref(&entry, key);
		if (!called || strcmp(called, name) != 0)
			continue;
		for (size_t j = 0; j < json_count(&entry, "prices"); j++) {
			if (!json_element(&entry, "prices", j, &place))
				continue;
			const char *at = json_opt_text_ref(&place, "location");
			if (at && strcmp(at, location) == 0)
				return pricing_net(&place, "price_monthly");
		}
	}
	return -1;
}
