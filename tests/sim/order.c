/* A server's order: what the request asks for, checked and looked up. */
#include "catalog.h"
#include "network.h"
#include "server.h"
#include "small_kinds.h"

#include <string.h>

#define MOST_USER_DATA 32768

/* The location, or that of the data center, or the first that has the type. */
static struct resource *place_of(struct fields *in, const struct resource *type)
{
	struct project *project = in->call->project;
	const char *datacenter = may_text(in, "datacenter", NULL);
	struct resource *location;

	if (json_at(in->at, "location"))
		return want_reference(in, "location", KIND_LOCATION);
	if (datacenter) {
		location = location_of_datacenter(project, datacenter);
		if (!location)
			refuse_at(in, "datacenter", "does not exist");
		return location;
	}
	shelf_each(shelf_of(project, KIND_LOCATION),
		location) if (type &&
			      type_is_offered(type, location)) return location;
	return NULL;
}

static bool read_type(struct fields *in, struct order *order)
{
	struct call *call = in->call;

	order->type = want_reference(in, "server_type", KIND_SERVER_TYPE);
	order->location = place_of(in, order->type);
	if (call->refused)
		return false;
	if (!order->location || !type_is_offered(order->type, order->location))
		return refuse_at(in, "server_type",
			"unsupported location for server type");
	if (type_is_sold_out(call->world, order->type, order->location))
		return refuse(call, "resource_unavailable",
			"server type %s is not available in %s",
			resource_name(order->type),
			resource_name(order->location));
	return true;
}

static bool read_image(struct fields *in, struct order *order)
{
	struct json_object *value = json_at(in->at, "image");

	if (!value)
		return refuse_at(in, "image", "is required");
	order->image = image_for(in->call->project, value,
		json_text(order->type->body, "architecture"));
	return order->image || refuse_at(in, "image", "image not found");
}

/* An unassigned primary IP that the order brings along. */
static struct resource *read_own_ip(struct fields *in, const char *type)
{
	struct resource *ip = json_at(in->at, type) ? want_reference(in, type,
							      KIND_PRIMARY_IP)
						    : NULL;

	if (!ip)
		return NULL;
	if (ip->holder)
		refuse(in->call, "primary_ip_assigned",
			"primary IP is already assigned");
	if (strcmp(json_text(ip->body, "type"), type) != 0)
		refuse(in->call, "primary_ip_version_mismatch",
			"primary IP is not of type %s", type);
	return ip;
}

static void read_public_net(struct fields *outer, struct order *order)
{
	struct fields in = fields_in(outer, "public_net");

	order->ipv4 = may_flag(&in, "enable_ipv4", true);
	order->ipv6 = may_flag(&in, "enable_ipv6", true);
	order->own_ipv4 = read_own_ip(&in, "ipv4");
	order->own_ipv6 = read_own_ip(&in, "ipv6");
}

static void read_ssh_keys(struct fields *in, struct order *order)
{
	struct json_object *keys = may_list(in, "ssh_keys", ANY_TYPE);

	order->ssh_keys = json_object_new_array();
	for (size_t i = 0; i < json_count(keys); i++) {
		struct resource *key = find_reference(
			in->call->project, KIND_SSH_KEY, json_nth(keys, i));

		if (key)
			json_add_number(order->ssh_keys, key->id);
		else
			refuse_at(in, "ssh_keys", "SSH key not found");
	}
}

static bool zone_is_served(const struct resource *network, const char *zone)
{
	struct json_object *subnets = json_at(network->body, "subnets");

	for (size_t i = 0; i < json_count(subnets); i++)
		if (strcmp(json_text(json_nth(subnets, i), "network_zone"),
			    zone) == 0)
			return true;
	return false;
}

static bool read_networks(struct fields *in, struct order *order)
{
	const char *zone = json_text(order->location->body, "network_zone");

	order->networks = may_list(in, "networks", json_type_int);
	if (json_count(order->networks) > MAX_NETS)
		return refuse_at(
			in, "networks", "has more than %d entries", MAX_NETS);
	for (size_t i = 0; i < json_count(order->networks); i++) {
		int64_t id =
			json_object_get_int64(json_nth(order->networks, i));
		struct resource *network = require_resource(
			in->call, KIND_NETWORK, id, "networks");

		if (!network)
			return false;
		if (!zone_is_served(network, zone))
			return refuse_at(in, "networks",
				"network %lld has no subnet in zone %s",
				(long long)id, zone);
	}
	return true;
}

static bool read_firewalls(struct fields *in, struct order *order)
{
	order->firewalls = may_list(in, "firewalls", json_type_object);
	for (size_t i = 0; i < json_count(order->firewalls); i++) {
		struct fields at = fields_nth(in, "firewalls", i);

		if (!want_reference(&at, "firewall", KIND_FIREWALL))
			return false;
	}
	if (json_count(order->firewalls) && !order->ipv4 && !order->ipv6)
		return refuse(in->call, "private_net_only_server",
			"a firewall needs a public network interface");
	return true;
}

static bool read_volumes(struct fields *in, struct order *order)
{
	order->volumes = may_list(in, "volumes", json_type_int);
	for (size_t i = 0; i < json_count(order->volumes); i++) {
		struct resource *volume = require_resource(in->call,
			KIND_VOLUME,
			json_object_get_int64(json_nth(order->volumes, i)),
			"volumes");

		if (!volume || !require_idle(in->call, volume, "locked"))
			return false;
		if (volume->holder)
			return refuse(in->call, "volume_already_attached",
				"volume is already attached to a server");
		if (json_number(json_at(volume->body, "location"), "id") !=
			order->location->id)
			return refuse_at(
				in, "volumes", "volume is in another location");
	}
	return true;
}

static bool read_group(struct fields *in, struct order *order)
{
	if (!json_at(in->at, "placement_group"))
		return true;
	order->group =
		want_reference(in, "placement_group", KIND_PLACEMENT_GROUP);
	return order->group && require_room_in_group(in->call, order->group);
}

static bool read_user_data(struct fields *in, struct order *order)
{
	order->user_data = may_text(in, "user_data", NULL);
	if (order->user_data && strlen(order->user_data) > MOST_USER_DATA)
		return refuse_at(in, "user_data", "is longer than %d bytes",
			MOST_USER_DATA);
	return true;
}

bool order_read(struct call *call, struct order *order)
{
	struct fields in = fields_of(call);

	*order = (struct order){.name = want_name(&in, KIND_SERVER)};
	if (!order->name || !read_type(&in, order) || !read_image(&in, order))
		return false;
	read_public_net(&in, order);
	read_ssh_keys(&in, order);
	order->labels = may_labels(&in);
	order->start = may_flag(&in, "start_after_create", true);
	return !call->refused && read_user_data(&in, order) &&
	       read_networks(&in, order) && read_firewalls(&in, order) &&
	       read_volumes(&in, order) && read_group(&in, order) &&
	       require_quota(call, KIND_SERVER) && !call->refused;
}

void order_clear(struct order *order)
{
	json_object_put(order->ssh_keys);
	json_object_put(order->labels);
}
