/*
 * NAT gateway: the one server with a public address; the nodes reach the world
 * through it. A create call cannot choose the private address that the
 * network's route names, so the server is attached to the network afterwards.
 */
#include "parts.h"

#include <byoc/bootstrap.h>
#include <byoc/json.h>
#include <stdio.h>
#include <string.h>

bool nat_gateway_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err)
{
	struct bootstrap values = {
		.cluster_id = facts->cluster.id,
		.cluster_name = facts->cluster.name,
		.network_range = NETWORK_RANGE,
		.router_address = ROUTER_ADDRESS,
	};
	const struct resource *key = facts_need(facts, "ssh_key", err);
	const struct resource *front = facts_need(facts, "load_balancer", err);
	const struct resource *firewall = facts_need(facts, "firewall", err);
	const struct resource *address =
		facts_need(facts, "gateway_address", err);

	if (!key || !firewall || !address || !front)
		return false;
	if (!cluster_api_is_open(&facts->cluster))
		values.relay_to = front->private_address;
	struct json_object *keys = json_new_array(), *net = json_new();
	struct json_object *wall = json_new(), *walls = json_new_array();
	json_add_text(body, "server_type", facts->cluster.gateway_type);
	json_add_text(body, "image", SERVER_IMAGE);
	json_add_text(body, "location",
		words_text(&location_words, (int)facts->cluster.location));
	json_append_text(keys, key->name);
	json_add(body, "ssh_keys", keys);
	json_add_bool(net, "enable_ipv4", true);
	json_add_i64(net, "ipv4", address->id);
	json_add_bool(net, "enable_ipv6", true);
	json_add(body, "public_net", net);
	json_add_i64(wall, "firewall", firewall->id);
	json_append(walls, wall);
	json_add(body, "firewalls", walls);
	return bootstrap_gateway(&values, user_data, err);
}

/* ---- attach: to the network, at the address that its route names ---- */

static bool attach_met(const struct facts *facts)
{
	return facts_own(facts)->private_address[0] != '\0';
}

static bool attach_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const struct resource *network = facts_need(facts, "network", err);

	if (!network)
		return false;
	struct json_object *body = json_new();
	json_add_i64(body, "network", network->id);
	json_add_text(body, "ip", GATEWAY_PRIVATE_ADDRESS);
	request_post(&ask->request, facts->arena, body,
		"/servers/%lld/actions/attach_to_network",
		(long long)facts_own(facts)->id);
	return true;
}

static enum verdict attach_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct resource own = *facts_own(facts);
	const char *doing = phase_doing(facts, "Attaching", own.name);

	if (reply->class == REPLY_NOT_FOUND)
		facts_remove(facts, own.phase, own.index); /* made again */
	if (strcmp(reply->code, "ip_not_available") == 0) {
		/* A gateway that was given up may still hold it. */
		err_set(err, ERR_RETRY, reply->code, "%s: %s.", doing,
			reply->message);
		return VERDICT_FAILED;
	}
	if (reply->class != REPLY_OK && reply->class != REPLY_ALREADY)
		return phase_otherwise(facts, reply, doing, err);
	snprintf(own.private_address, sizeof own.private_address,
		GATEWAY_PRIVATE_ADDRESS);
	if (reply->class == REPLY_ALREADY) { /* its reply was lost */
		facts->memory.adopted = own;
		return VERDICT_NEXT;
	}
	own.action_count =
		reply_actions(reply, own.actions, COUNT(own.actions));
	facts->memory.begun = own.action_count > 0;
	facts_record(facts, &own);
	return VERDICT_NEXT;
}

/* After `attach` the phase is back at `await`, for the attaching. */
const struct step nat_gateway_steps[] = {
	STEPS_TO_MAKE,
	STEP_AWAIT,
	ROW(attach),
	{0},
};
