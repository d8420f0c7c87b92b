/*
 * Network: its subnet and its route too, with one call. The route names the
 * gateway's address before there is a gateway. No action.
 */
#include "parts.h"

#include <byoc/json.h>

struct json_object *network_route(void)
{
	struct json_object *route = json_new();

	json_add_text(route, "destination", "0.0.0.0/0");
	json_add_text(route, "gateway", GATEWAY_PRIVATE_ADDRESS);
	return route;
}

bool network_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err)
{
	struct json_object *subnet = json_new(), *subnets = json_new_array();
	struct json_object *routes = json_new_array();

	(void)user_data;
	(void)err;
	json_add_text(body, "ip_range", NETWORK_RANGE);
	json_add_text(subnet, "type", "cloud");
	json_add_text(
		subnet, "network_zone", location_zone(facts->cluster.location));
	json_add_text(subnet, "ip_range", SUBNET_RANGE);
	json_append(subnets, subnet);
	json_add(body, "subnets", subnets);
	json_append(routes, network_route());
	json_add(body, "routes", routes);
	return true;
}
