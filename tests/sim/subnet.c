/* Subnets and routes: what they may be, and the actions that change them. */
#include "network.h"

#include <string.h>

/* Whether the range meets the `key` of any entry in the list. */
static bool meets_any(const struct range *range, const struct json_object *list,
	const char *key)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const char *text = json_text(json_nth(list, i), key);
		struct range other;

		if (text && range_parse(text, &other) && other.bits > 0 &&
			range_meets(range, &other))
			return true;
	}
	return false;
}

static bool is_free(
	const struct range *range, const struct json_object *network)
{
	return !meets_any(range, json_at(network, "subnets"), "ip_range") &&
	       !meets_any(range, json_at(network, "routes"), "destination");
}

/* The first /24 of the network that nothing uses yet. */
static bool first_free(const struct range *whole,
	const struct json_object *network, struct range *found)
{
	for (uint64_t at = whole->first; at < whole->last; at += 256) {
		*found = (struct range){(uint32_t)at, (uint32_t)at + 255, 24};
		if (is_free(found, network))
			return true;
	}
	return false;
}

static bool subnet_range(struct fields *in, const struct range *whole,
	const struct json_object *network, struct range *range)
{
	const char *text = may_text(in, "ip_range", NULL);

	if (in->call->refused)
		return false;
	if (!text)
		return first_free(whole, network, range) ||
		       refuse_at(in, "ip_range", "no range is left");
	if (!range_parse(text, range) || range->bits > 30)
		return refuse_at(in, "ip_range", "must be at least a /30");
	if (!range_holds(whole, range))
		return refuse_at(in, "ip_range", "is not in the network");
	if (!is_free(range, network))
		return refuse_at(
			in, "ip_range", "overlaps another subnet or a route");
	return true;
}

static bool zone_exists(struct fields *in, const char *zone)
{
	struct resource *location;

	shelf_each(shelf_of(in->call->project, KIND_LOCATION),
		location) if (strcmp(json_text(location->body, "network_zone"),
				      zone) == 0) return true;
	return refuse_at(in, "network_zone", "does not exist");
}

struct json_object *read_subnet(struct fields *in, const struct range *whole,
	const struct json_object *network)
{
	static const char *const types[] = {"cloud", "server", "vswitch", NULL};
	const char *type = want_word(in, "type", types);
	const char *zone = want_text(in, "network_zone");
	struct range range;
	char text[20];

	if (!zone || !zone_exists(in, zone) ||
		!subnet_range(in, whole, network, &range))
		return NULL;

	struct json_object *subnet = json_object_new_object();

	json_put_text(subnet, "type", type);
	json_put_text(subnet, "network_zone", zone);
	json_put_text(subnet, "ip_range", range_text(&range, text));
	json_put_text(subnet, "gateway", address_text(whole->first + 1, text));
	json_put(subnet, "vswitch_id", NULL);
	return subnet;
}

static bool destination_is_good(
	struct fields *in, const char *text, const struct json_object *network)
{
	struct range range;

	if (!range_parse(text, &range))
		return refuse_at(in, "destination", "is not a range");
	if (range.bits == 0)
		return range.first == 0;
	if (!range_is_private(&range) || range_has(&range, PUBLIC_GATEWAY))
		return refuse_at(in, "destination", "is not allowed");
	if (!is_free(&range, network))
		return refuse_at(in, "destination",
			"overlaps a subnet or another route");
	return true;
}

static bool has_destination(const struct json_object *network, const char *text)
{
	const struct json_object *routes = json_at(network, "routes");

	for (size_t i = 0; i < json_count(routes); i++)
		if (strcmp(json_text(json_nth(routes, i), "destination"),
			    text) == 0)
			return true;
	return false;
}

/* The gateway may be an address that nothing has yet. */
struct json_object *read_route(struct fields *in, const struct range *whole,
	const struct json_object *network)
{
	const char *destination = want_text(in, "destination");
	const char *gateway = want_text(in, "gateway");
	uint32_t address;

	if (!gateway || !destination_is_good(in, destination, network))
		return NULL;
	if (has_destination(network, destination)) {
		refuse_at(in, "destination", "is already routed");
		return NULL;
	}
	if (!address_parse(gateway, &address) || !range_has(whole, address) ||
		address == whole->first + 1 || address == PUBLIC_GATEWAY) {
		refuse_at(in, "gateway", "cannot be a gateway");
		return NULL;
	}

	struct json_object *route = json_object_new_object();

	json_put_text(route, "destination", destination);
	json_put_text(route, "gateway", gateway);
	return route;
}

/* An action on the network itself; takes over the detail. */
static bool change(struct call *call, const char *command,
	struct json_object *detail,
	void (*effect)(
		struct project *, struct resource *, struct json_object *))
{

	const struct plan plan = {
		.command = command,
		.seconds = 1,
		.subject = call->self,
		.detail = detail,
		.effect = effect,
	};

	return act(call, &plan);
}

static void subnet_added(struct project *project, struct resource *network,
	struct json_object *subnet)
{
	(void)project;
	json_add(json_at(network->body, "subnets"), json_object_get(subnet));
}

bool add_subnet(struct call *call)
{
	struct fields in = fields_of(call);
	struct range range = network_range(call->self);
	struct json_object *subnet;

	if (!require_idle(call, call->self, "conflict"))
		return false;
	subnet = read_subnet(&in, &range, call->self->body);
	return subnet && change(call, "add_subnet", subnet, subnet_added);
}

static void route_added(struct project *project, struct resource *network,
	struct json_object *route)
{
	(void)project;
	json_add(json_at(network->body, "routes"), json_object_get(route));
}

bool add_route(struct call *call)
{
	struct fields in = fields_of(call);
	struct range range = network_range(call->self);
	struct json_object *route;

	if (!require_idle(call, call->self, "conflict"))
		return false;
	route = read_route(&in, &range, call->self->body);
	return route && change(call, "add_route", route, route_added);
}

/* The place of the entry that has all of the wanted texts; or the count. */
static size_t place_of(
	const struct json_object *list, struct json_object *wanted)
{
	size_t i;

	for (i = 0; i < json_count(list); i++) {
		bool same = true;

		json_object_object_foreach(wanted, key, value)
		{
			const char *text = json_text(json_nth(list, i), key);

			if (!text || strcmp(text, json_object_get_string(
							  value)) != 0)
				same = false;
		}
		if (same)
			break;
	}
	return i;
}

static void take_out(struct json_object *list, struct json_object *wanted)
{
	size_t place = place_of(list, wanted);

	if (place < json_count(list))
		json_object_array_del_idx(list, place, 1);
}

static void route_deleted(struct project *project, struct resource *network,
	struct json_object *route)
{
	(void)project;
	take_out(json_at(network->body, "routes"), route);
}

bool delete_route(struct call *call)
{
	struct fields in = fields_of(call);
	const char *destination = want_text(&in, "destination");
	const char *gateway = want_text(&in, "gateway");
	struct json_object *routes = json_at(call->self->body, "routes");
	struct json_object *route;

	if (!gateway || !require_idle(call, call->self, "conflict"))
		return false;
	route = json_object_new_object();
	json_put_text(route, "destination", destination);
	json_put_text(route, "gateway", gateway);
	if (place_of(routes, route) < json_count(routes))
		return change(call, "delete_route", route, route_deleted);
	json_object_put(route);
	return refuse(call, "not_found", "route not found");
}

static void subnet_deleted(struct project *project, struct resource *network,
	struct json_object *subnet)
{
	(void)project;
	take_out(json_at(network->body, "subnets"), subnet);
}

static bool subnet_in_use(struct call *call, const char *text)
{
	static const enum kind users[] = {KIND_SERVER, KIND_LOAD_BALANCER};
	struct range range = {0};
	struct resource *user;

	range_parse(text, &range);
	for (size_t i = 0; i < COUNT(users); i++)
		shelf_each(shelf_of(call->project, users[i]), user)
		{
			const struct attachment *at =
				attachment_to(user, call->self->id);

			if (at && range_has(&range, at->address))
				return true;
		}
	return false;
}

bool delete_subnet(struct call *call)
{
	struct fields in = fields_of(call);
	const char *text = want_text(&in, "ip_range");
	struct json_object *subnets = json_at(call->self->body, "subnets");
	struct json_object *subnet;

	if (!text || !require_idle(call, call->self, "conflict"))
		return false;
	if (subnet_in_use(call, text))
		return refuse(call, "resource_in_use",
			"subnet still contains attached resources");
	subnet = json_object_new_object();
	json_put_text(subnet, "ip_range", text);
	if (place_of(subnets, subnet) < json_count(subnets))
		return change(call, "delete_subnet", subnet, subnet_deleted);
	json_object_put(subnet);
	return refuse(call, "not_found", "subnet not found");
}
