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

/* ---- What something costs ---- */

void bill_read(const struct seen *seen, struct bill *bill)
{
	static const char *const types[] = {
		"server_type", "load_balancer_type"};
	/* A floating IP goes from place to place, and has a home. */
	static const char *const places[] = {"location", "home_location"};
	struct err ignored = {0};
	struct json_in object = {seen->object, "object", &ignored}, inner;

	*bill = (struct bill){.price = -1};
	for (size_t i = 0; i < COUNT(types); i++)
		if (json_opt_into(&object, types[i], &inner))
			json_opt_text(
				&inner, "name", bill->type, sizeof bill->type);
	if (!bill->type[0])
		json_opt_text(&object, "type", bill->type, sizeof bill->type);
	for (size_t i = 0; i < COUNT(places); i++)
		if (json_opt_into(&object, places[i], &inner))
			json_opt_text(&inner, "name", bill->location,
				sizeof bill->location);
	json_opt_i64(&object, "size", &bill->gigabytes);
}

static int64_t volume_price(
	const struct json_in *pricing, const struct bill *bill)
{
	struct json_in volume;
	int64_t gigabyte = json_opt_into(pricing, "volume", &volume)
				   ? pricing_net(&volume, "price_per_gb_month")
				   : -1;

	if (gigabyte < 0 || bill->gigabytes < 0 || bill->gigabytes > 1 << 20)
		return -1;
	return gigabyte * bill->gigabytes;
}

void bill_price(const struct json_in *pricing, enum resource_kind kind,
	struct bill *bill)
{
	if (kind == RESOURCE_SERVER)
		bill->price = pricing_of_type(pricing, "server_types", "name",
			bill->type, bill->location);
	else if (kind == RESOURCE_LOAD_BALANCER)
		bill->price = pricing_of_type(pricing, "load_balancer_types",
			"name", bill->type, bill->location);
	else if (kind == RESOURCE_VOLUME)
		bill->price = volume_price(pricing, bill);
	else if (kind == RESOURCE_PRIMARY_IP || kind == RESOURCE_FLOATING_IP)
		bill->price = pricing_of_type(pricing, kind_plural(kind),
			"type", bill->type, bill->location);
	else
		bill->price = 0;
}
