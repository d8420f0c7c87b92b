/*
 * Load balancer in front of the Kubernetes API, whole with one call: it finds
 * its targets by label, as they appear. Should Hetzner not bring it to life,
 * another one is made, with another address: so no node is told the address
 * before the action has ended.
 */
#include "parts.h"

#include <byoc/json.h>
#include <string.h>

static struct json_object *new_service(void)
{
	struct json_object *service = json_new(), *check = json_new();

	json_add_text(check, "protocol", "tcp");
	json_add_i64(check, "port", API_PORT);
	json_add_i64(check, "interval", 5);
	json_add_i64(check, "timeout", 3);
	json_add_i64(check, "retries", 2);
	json_add_text(service, "protocol", "tcp");
	json_add_i64(service, "listen_port", API_PORT);
	json_add_i64(service, "destination_port", API_PORT);
	json_add_bool(service, "proxyprotocol", false);
	json_add(service, "health_check", check);
	return service;
}

static struct json_object *new_target(const struct facts *facts)
{
	struct json_object *target = json_new(), *selector = json_new();

	json_add_text(selector, "selector",
		arena_format(facts->arena,
			LABEL_CLUSTER "=%s," LABEL_ROLE "=control-plane",
			facts->cluster.id));
	json_add_text(target, "type", "label_selector");
	json_add(target, "label_selector", selector);
	json_add_bool(target, "use_private_ip", true);
	return target;
}

bool load_balancer_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err)
{
	const struct resource *network = facts_need(facts, "network", err);

	(void)user_data;
	if (!network)
		return false;
	struct json_object *services = json_new_array();
	struct json_object *targets = json_new_array();
	struct json_object *algorithm = json_new();
	json_add_text(body, "load_balancer_type", "lb11");
	json_add_text(algorithm, "type", "round_robin");
	json_add(body, "algorithm", algorithm);
	json_add_text(body, "location",
		words_text(&location_words, (int)facts->cluster.location));
	json_add_i64(body, "network", network->id);
	json_add_bool(body, "public_interface", true);
	json_append(services, new_service());
	json_add(body, "services", services);
	json_append(targets, new_target(facts));
	json_add(body, "targets", targets);
	return true;
}

/* ---- address: should the answer to the creation not have held it ---- */

static bool address_met(const struct facts *facts)
{
	return facts_own(facts)->public_address[0] != '\0';
}

static bool address_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	request_get(&ask->request, facts->arena, "/load_balancers/%lld",
		(long long)facts_own(facts)->id);
	return true;
}

static enum verdict address_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct resource own = *facts_own(facts);
	const char *doing = phase_doing(facts, "Creating", own.name);
	struct seen seen;

	if (reply->class == REPLY_NOT_FOUND)
		facts_remove(facts, own.phase, own.index); /* made again */
	if (reply->class != REPLY_OK)
		return phase_otherwise(facts, reply, doing, err);
	if (!reply_resource(reply, RESOURCE_LOAD_BALANCER, &seen, err))
		return VERDICT_FAILED;
	if (!seen.public_address[0])
		return phase_wait(facts, doing, err);
	memcpy(own.public_address, seen.public_address, ADDRESS_SIZE);
	facts_record(facts, &own);
	return VERDICT_NEXT;
}

const struct step load_balancer_steps[] = {
	STEPS_TO_MAKE,
	STEP_AWAIT,
	ROW(address),
	{0},
};
