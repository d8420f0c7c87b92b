/*
 * Server types: which ones Hetzner offers in the cluster's location, and which
 * of them nodes and gateway get. Newer answers tell by `locations`, older ones
 * by `prices` alone.
 */
#include "parts.h"

#include <byoc/json.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CORES_LEAST = 2, MEMORY_LEAST_GB = 4, ALTERNATIVES = 5 };

struct offer {
	char name[SERVER_TYPE_SIZE];
	int cores;
	double memory_gb;
	bool x86;
	bool shared;
	bool offered; /* in the location, and not past its end */
	bool sold_out;
	bool doubted; /* sold out, or soon to be withdrawn */
	double price; /* a month, gross; 0: not said */
};

struct offers {
	struct offer items[256];
	size_t count;
};

static double number_of(const char *text)
{
	return text ? strtod(text, NULL) : 0;
}

/* "2026-01-30T23:55:00+00:00", of which UTC's seconds are enough here. */
static int64_t unix_of(const char *text)
{
	struct tm at = {0};

	if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &at))
		return 0;
	return timegm(&at);
}

/* Cursor at the element of a list whose `key` is the cluster's location. */
static bool find_location(const struct facts *facts, const struct json_in *type,
	const char *list, const char *key, struct json_in *found)
{
	const char *wanted =
		words_text(&location_words, (int)facts->cluster.location);
	size_t count = json_count(type, list);

	for (size_t i = 0; i < count; i++) {
		if (!json_element(type, list, i, found))
			return false;
		const char *name = json_opt_text_ref(found, key);
		if (name && strcmp(name, wanted) == 0)
			return true;
	}
	return false;
}

static void read_price(const struct json_in *price, struct offer *offer)
{
	struct json_in monthly;

	if (json_opt_into(price, "price_monthly", &monthly))
		offer->price = number_of(json_opt_text_ref(&monthly, "gross"));
}

static void read_location(const struct facts *facts,
	const struct json_in *location, struct offer *offer)
{
	bool available = true;
	struct json_in deprecation;

	offer->offered = true;
	json_opt_flag(location, "available", &available);
	offer->doubted = offer->sold_out = !available;
	if (!json_opt_into(location, "deprecation", &deprecation))
		return;
	int64_t end =
		unix_of(json_opt_text_ref(&deprecation, "unavailable_after"));
	offer->doubted = true;
	offer->offered = !end || !facts->now_unix || facts->now_unix < end;
}

/* A number that may have a fraction. */
static double read_memory(const struct json_in *type)
{
	struct json_object *memory = NULL;

	json_object_object_get_ex(type->at, "memory", &memory);
	return json_object_get_double(memory);
}

static void read_offer(const struct facts *facts, const struct json_in *type,
	struct offer *offer)
{
	struct json_in found;

	json_text(type, "name", offer->name, sizeof offer->name);
	json_int(type, "cores", &offer->cores);
	offer->memory_gb = read_memory(type);
	const char *architecture = json_opt_text_ref(type, "architecture");
	const char *cpu = json_opt_text_ref(type, "cpu_type");
	offer->x86 = !architecture || strcmp(architecture, "x86") == 0;
	offer->shared = !cpu || strcmp(cpu, "shared") == 0;
	bool priced = find_location(facts, type, "prices", "location", &found);
	if (priced)
		read_price(&found, offer);
	if (json_count(type, "locations") == 0)
		offer->offered = priced;
	else if (find_location(facts, type, "locations", "name", &found))
		read_location(facts, &found, offer);
}

void server_types_ask(struct facts *facts, struct request *request)
{
	request_get(request, facts->arena, "/server_types?per_page=%d&page=%d",
		PER_PAGE, phase_page(facts));
}

bool server_types_read(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct err complaint = {0};
	struct json_in root = {reply->body, "answer", &complaint};
	struct json_in type;
	struct offers *offers = facts->memory.offers;

	if (!offers)
		offers = facts->memory.offers =
			arena_take(facts->arena, sizeof *offers);
	size_t count = json_count(&root, "server_types");
	for (size_t i = 0; i < count; i++) {
		if (offers->count == COUNT(offers->items))
			break;
		if (json_element(&root, "server_types", i, &type))
			read_offer(
				facts, &type, &offers->items[offers->count++]);
	}
	if (complaint.kind == ERR_NONE && count > 0)
		return true;
	return err_set(err, ERR_RETRY, "bad_answer",
		"Hetzner's list of server types makes no sense. %s",
		complaint.text);
}

static bool large_enough(const struct offer *offer)
{
	return offer->cores >= CORES_LEAST &&
	       offer->memory_gb >= MEMORY_LEAST_GB;
}

static bool fits_nodes(const struct offer *offer)
{
	return offer->offered && offer->x86 && offer->shared &&
	       large_enough(offer);
}

static bool is_alternative(const struct offer *offer)
{
	return fits_nodes(offer) && !offer->sold_out;
}

static bool fits_gateway(const struct offer *offer)
{
	return offer->offered && offer->x86;
}

/* The certain ones first, then the cheap ones, then as Hetzner lists them. */
static bool better(const struct offer *a, const struct offer *b)
{
	if (a->doubted != b->doubted)
		return b->doubted;
	return a->price < b->price;
}

/* The best one that fits and is none of those taken already, or NULL. */
static const struct offer *best(const struct offers *offers,
	bool (*fits)(const struct offer *), const bool *taken)
{
	const struct offer *found = NULL;

	for (size_t i = 0; i < offers->count; i++) {
		const struct offer *offer = &offers->items[i];
		if (fits(offer) && !(taken && taken[i]) &&
			(!found || better(offer, found)))
			found = offer;
	}
	return found;
}

/* " Offered in fsn1: cx23, cpx22.", without what the cluster has chosen. */
const char *server_types_others(const struct facts *facts)
{
	const struct offers *offers = facts->memory.offers;
	bool taken[COUNT(offers->items)] = {false};
	char list[ALTERNATIVES * (SERVER_TYPE_SIZE + 2)] = "";
	size_t used = 0;

	for (size_t i = 0; i < offers->count; i++)
		taken[i] = strcmp(offers->items[i].name,
				   facts->cluster.server_type) == 0;
	for (int i = 0; i < ALTERNATIVES; i++) {
		const struct offer *offer = best(offers, is_alternative, taken);
		if (!offer)
			break;
		taken[offer - offers->items] = true;
		used += (size_t)snprintf(list + used, sizeof list - used,
			"%s%s", used ? ", " : "", offer->name);
	}
	if (!used)
		return "";
	return arena_format(facts->arena, " Offered in %s: %s.",
		words_text(&location_words, (int)facts->cluster.location),
		list);
}

static const struct offer *find_offer(
	const struct offers *offers, const char *name)
{
	for (size_t i = 0; i < offers->count; i++)
		if (strcmp(offers->items[i].name, name) == 0)
			return &offers->items[i];
	return NULL;
}

static bool check_wanted(struct facts *facts, struct err *err)
{
	const char *wanted = facts->cluster.server_type;
	const struct offers *offers = facts->memory.offers;
	const char *others = server_types_others(facts);
	const struct offer *offer = find_offer(offers, wanted);

	if (!offer)
		return err_set(err, ERR_REFUSED, "unknown_server_type",
			"Hetzner has no server type '%s'.%s", wanted, others);
	if (!offer->offered)
		return err_set(err, ERR_REFUSED, "server_type_not_offered",
			"The server type '%s' is not offered in %s.%s", wanted,
			words_text(
				&location_words, (int)facts->cluster.location),
			others);
	if (offer->sold_out)
		return err_set(err, ERR_REFUSED, "server_type_sold_out",
			"The server type '%s' is sold out in %s right now: "
			"choose another one, or try again later.%s",
			wanted,
			words_text(
				&location_words, (int)facts->cluster.location),
			others);
	if (!large_enough(offer))
		return err_set(err, ERR_REFUSED, "server_type_too_small",
			"The server type '%s' is too small for a node, which "
			"needs %d cores and %d GB of memory.%s",
			wanted, CORES_LEAST, MEMORY_LEAST_GB, others);
	return true;
}

bool server_types_choose(struct facts *facts, struct err *err)
{
	struct cluster *cluster = &facts->cluster;
	const struct offers *offers = facts->memory.offers;

	if (cluster->server_type[0] && !check_wanted(facts, err))
		return false;
	const struct offer *node = best(offers, fits_nodes, NULL);
	const struct offer *gateway = best(offers, fits_gateway, NULL);
	if (!gateway || (!node && !cluster->server_type[0]))
		return err_set(err, ERR_REFUSED, "no_server_type",
			"Hetzner offers no suitable server type in %s: choose "
			"another location.",
			words_text(&location_words, (int)cluster->location));
	if (!cluster->server_type[0])
		memcpy(cluster->server_type, node->name, SERVER_TYPE_SIZE);
	memcpy(cluster->gateway_type, gateway->name, SERVER_TYPE_SIZE);
	facts->cluster_changed = true;
	return true;
}
