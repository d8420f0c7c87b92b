/*
 * Nodes: control planes and workers, servers without a public address. They
 * need the load balancer's address only; their downloads try again until the
 * gateway is up.
 */
#include "parts.h"

#include <byoc/bootstrap.h>
#include <byoc/json.h>
#include <string.h>

static bool describe_server(
	const struct facts *facts, struct json_object *body, struct err *err)
{
	const struct resource *key = facts_need(facts, "ssh_key", err);
	const struct resource *network = facts_need(facts, "network", err);

	if (!key || !network)
		return false;
	struct json_object *keys = json_new_array(), *net = json_new();
	struct json_object *networks = json_new_array();
	json_add_text(body, "server_type", facts->cluster.server_type);
	json_add_text(body, "image", SERVER_IMAGE);
	json_add_text(body, "location",
		words_text(&location_words, (int)facts->cluster.location));
	json_append_text(keys, key->name);
	json_add(body, "ssh_keys", keys);
	json_add_bool(net, "enable_ipv4", false);
	json_add_bool(net, "enable_ipv6", false);
	json_add(body, "public_net", net);
	json_append_i64(networks, network->id);
	json_add(body, "networks", networks);
	return true;
}

static bool collect_values(
	const struct facts *facts, struct bootstrap *values, struct err *err)
{
	const struct cluster *cluster = &facts->cluster;
	const struct resource *network = facts_need(facts, "network", err);
	const struct resource *front = facts_need(facts, "load_balancer", err);

	if (!network || !front)
		return false;
	*values = (struct bootstrap){
		.cluster_id = cluster->id,
		.cluster_name = cluster->name,
		.location = words_text(&location_words, (int)cluster->location),
		.network_name = network->name,
		.network_range = NETWORK_RANGE,
		.router_address = ROUTER_ADDRESS,
		.gateway_address = GATEWAY_ADDRESS,
		.load_balancer_address = front->public_address,
		.volume_label = arena_format(
			facts->arena, LABEL_CLUSTER "=%s", cluster->id),
		.highly_available = cluster->type == CLUSTER_DEDICATED_HA,
		.hcloud_token = facts->token,
		.authorities = facts->authorities,
		.join_token = facts->join_token,
	};
	return true;
}

bool control_plane_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err)
{
	struct bootstrap values;

	if (!describe_server(facts, body, err) ||
		!collect_values(facts, &values, err))
		return false;
	if (values.highly_available) {
		const struct resource *group =
			facts_need(facts, "placement_group", err);
		if (!group)
			return false;
		json_add_i64(body, "placement_group", group->id);
	}
	return bootstrap_control_plane(&values, facts->index, user_data, err);
}

bool worker_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err)
{
	struct bootstrap values;

	return describe_server(facts, body, err) &&
	       collect_values(facts, &values, err) &&
	       bootstrap_worker(&values, facts->index, user_data, err);
}
