/*
 * Price list: what a cluster would cost with this token, in each location, with
 * the server types that it would be given there. A token that is good is good
 * without that, too: where it cannot be read, it is read another time.
 */
#include "parts.h"

#include <byoc/json.h>
#include <json-c/json.h>
#include <string.h>

/* After an outage the token alone is asked about. */
static bool is_wanted(const struct facts *facts)
{
	return facts->prices_due && facts->failures == 0;
}

static enum verdict do_without(struct facts *facts)
{
	facts->prices_due = false;
	return VERDICT_NEXT;
}

/* ---- offers: which server types there are, location by location ---- */

bool offers_met(const struct facts *facts)
{
	return !is_wanted(facts) || facts->memory.offers_known;
}

bool offers_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	server_types_ask(facts, &ask->request);
	return true;
}

/* Does something with each location's offers as if a cluster were there. */
static bool in_each_location(struct facts *facts,
	bool (*act)(struct facts *facts, const void *context),
	const void *context)
{
	for (int i = 0; i < LOCATION_COUNT; i++) {
		facts->cluster = (struct cluster){.location = (enum location)i};
		facts->memory.offers = facts->memory.offers_at[i];
		if (!act(facts, context))
			return false;
		facts->memory.offers_at[i] = facts->memory.offers;
	}
	return true;
}

static bool read_offers(struct facts *facts, const void *reply)
{
	struct err ignored = {0};

	return server_types_read(facts, reply, &ignored);
}

enum verdict offers_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	(void)err;
	if (reply->class != REPLY_OK ||
		!in_each_location(facts, read_offers, reply))
		return do_without(facts);
	facts->memory.offers_known = !phase_turn_page(facts, reply);
	return VERDICT_NEXT;
}

/* ---- price_list ---- */

bool price_list_met(const struct facts *facts)
{
	return !is_wanted(facts) || facts->prices;
}

bool price_list_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	ask->shared = true;
	request_get(&ask->request, facts->arena, "/pricing");
	return true;
}

/* Prices are added where they are known. */
static void add_price(struct json_object *object, const char *key,
	const struct json_in *pricing, const char *list, const char *type,
	const char *location)
{
	int64_t price = pricing_of_type(pricing, list,
		strcmp(list, "primary_ips") == 0 ? "type" : "name", type,
		location);

	if (price >= 0)
		json_add_i64(object, key, price);
}

static struct json_object *list_server_types(
	const struct json_in *pricing, const char *location)
{
	struct json_object *types = json_new();
	struct json_in type;

	for (size_t i = 0; i < json_count(pricing, "server_types"); i++) {
		if (!json_element(pricing, "server_types", i, &type))
			break;
		const char *name = json_opt_text_ref(&type, "name");
		if (name)
			add_price(types, name, pricing, "server_types", name,
				location);
	}
	return types;
}

struct list {
	const struct json_in *pricing;
	struct json_object *locations;
};

/* One that has no server types for a cluster is left out. */
static bool add_location(struct facts *facts, const void *context)
{
	const struct list *list = context;
	const char *location =
		words_text(&location_words, (int)facts->cluster.location);
	struct err none = {0};

	if (!server_types_choose(facts, &none))
		return true;
	struct json_object *row = json_new();
	json_add_text(row, "location", location);
	json_add_text(row, "server_type", facts->cluster.server_type);
	json_add_text(row, "gateway_type", facts->cluster.gateway_type);
	json_add_text(row, "load_balancer_type", LOAD_BALANCER_TYPE);
	json_add(row, "server_types",
		list_server_types(list->pricing, location));
	add_price(row, "load_balancer", list->pricing, "load_balancer_types",
		LOAD_BALANCER_TYPE, location);
	add_price(
		row, "address", list->pricing, "primary_ips", "ipv4", location);
	json_append(list->locations, row);
	return true;
}

static void write_list(struct facts *facts, const struct json_in *pricing)
{
	struct json_object *written = json_new();
	struct list list = {pricing, json_new_array()};
	const char *currency = json_opt_text_ref(pricing, "currency");

	json_add_text(written, "currency", currency ? currency : "EUR");
	in_each_location(facts, add_location, &list);
	json_add(written, "locations", list.locations);
	facts->prices = arena_copy_text(facts->arena, json_write(written));
	json_free(written);
	facts->cluster = (struct cluster){0};
	facts->cluster_changed = false;
}

enum verdict price_list_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct err ignored = {0};
	struct json_in root = {reply->body, "answer", &ignored}, pricing;

	(void)err;
	if (reply->class != REPLY_OK ||
		!json_opt_into(&root, "pricing", &pricing))
		return do_without(facts);
	write_list(facts, &pricing);
	return VERDICT_NEXT;
}
