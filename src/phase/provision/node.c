/*
 * Nodes: control planes and workers, servers without a public address. They
 * need the load balancer's addresses only; their downloads try again until the
 * gateway is up. Once the cluster was ready, no node may begin it anew, and one
 * that is made again takes the place of its forerunner in the cluster, too.
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

/* Every node is a target of each that a Service asks for, and the smaller ones
 * leave out those that are too many. */
static const char *balancer_type(const struct cluster *cluster)
{
	int nodes =
		cluster_type_control_planes(cluster->type) + cluster->workers;

	if (nodes <= 25)
		return "lb11";
	return nodes <= 75 ? "lb21" : "lb31";
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
		.load_balancer_private = front->private_address,
		.load_balancer_public = front->public_address,
		.volume_label = arena_format(
			facts->arena, LABEL_CLUSTER "=%s", cluster->id),
		.pod_security = words_text(
			&pod_security_words, (int)cluster->pod_security),
		.balancer_type = balancer_type(cluster),
		.has_ingress = cluster->ingress == INGRESS_TRAEFIK,
		.highly_available = cluster->type == CLUSTER_DEDICATED_HA,
		.has_workers = cluster->workers > 0,
		.may_begin = !cluster->was_ready,
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

/*
 * ---- unjoin: the cluster refuses a node under a name that it knows, and etcd
 * a member; deleting the old node's object removes both ----
 */

static bool unjoin_met(const struct facts *facts)
{
	return !facts->cluster.was_ready || facts->memory.unjoined ||
	       facts->memory.adopted.id || facts_own(facts);
}

static bool unjoin_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const char *server = facts_server(facts, err);

	if (!server)
		return false;
	kubernetes_delete_node(
		&ask->request, facts->arena, server, facts_name(facts));
	return true;
}

static enum verdict unjoin_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	if (reply->class == REPLY_OK || reply->class == REPLY_NOT_FOUND) {
		facts->memory.unjoined = true;
		return VERDICT_NEXT;
	}
	err_set(err, ERR_RETRY, "cluster_unreachable",
		"The node '%s' is to be made again, but the cluster's API does "
		"not let go of the one before it (HTTP status %d). See that "
		"the API answers and try again.",
		facts_name(facts), reply->status);
	return VERDICT_FAILED;
}

const struct step node_steps[] = {
	STEPS_TO_ADOPT,
	ROW(unjoin),
	ROW(create),
	STEP_AWAIT,
	{0},
};
