/*
 * Load balancer in front of the Kubernetes API, whole with one call: it finds
 * its targets by label, as they appear. Should Hetzner not bring it to life,
 * another one is made, with another address: so no node is told the address
 * before the action has ended. Nodes come by its private address, all others by
 * the public one; when not everybody may, that is the gateway's, whose firewall
 * can tell who comes, as Hetzner's load balancers cannot.
 */
#include "parts.h"

#include <byoc/json.h>
#include <stdio.h>
#include <string.h>

/* k3s listens before its API server does, and before it has joined etcd. Only
 * the API server answers strangers with 401. */
static struct json_object *new_question(void)
{
	struct json_object *question = json_new(), *codes = json_new_array();

	json_add_text(question, "domain", "kubernetes");
	json_add_text(question, "path", "/version");
	json_append_text(codes, "401");
	json_add(question, "status_codes", codes);
	json_add_bool(question, "tls", true);
	return question;
}

struct json_object *load_balancer_service(void)
{
	struct json_object *service = json_new(), *check = json_new();

	json_add_text(check, "protocol", "http");
	json_add_i64(check, "port", API_PORT);
	json_add_i64(check, "interval", 5);
	json_add_i64(check, "timeout", 3);
	json_add_i64(check, "retries", 2);
	json_add(check, "http", new_question());
	json_add_text(service, "protocol", "tcp");
	json_add_i64(service, "listen_port", API_PORT);
	json_add_i64(service, "destination_port", API_PORT);
	json_add_bool(service, "proxyprotocol", false);
	json_add(service, "health_check", check);
	return service;
}

struct json_object *load_balancer_target(const struct facts *facts)
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
	json_add_text(body, "load_balancer_type", LOAD_BALANCER_TYPE);
	json_add_text(algorithm, "type", "round_robin");
	json_add(body, "algorithm", algorithm);
	json_add_text(body, "location",
		words_text(&location_words, (int)facts->cluster.location));
	json_add_i64(body, "network", network->id);
	json_add_bool(
		body, "public_interface", cluster_api_is_open(&facts->cluster));
	json_append(services, load_balancer_service());
	json_add(body, "services", services);
	json_append(targets, load_balancer_target(facts));
	json_add(body, "targets", targets);
	return true;
}

/* ---- address: the answer to the creation need not hold both ---- */

/* Where the world reaches the API, as far as it is known. */
static const char *public_address(
	const struct facts *facts, const char *of_balancer)
{
	const struct resource *gateway =
		facts_recorded(facts, "gateway_address", 0);

	if (cluster_api_is_open(&facts->cluster))
		return of_balancer;
	return gateway ? gateway->public_address : "";
}

static bool address_met(const struct facts *facts)
{
	const struct resource *own = facts_own(facts);

	return own->private_address[0] && own->public_address[0] &&
	       strcmp(own->public_address,
		       public_address(facts, own->public_address)) == 0;
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
	const struct resource *network = facts_need(facts, "network", err);
	if (!network)
		return VERDICT_FAILED;
	snprintf(own.public_address, sizeof own.public_address, "%s",
		public_address(facts, seen.public_address));
	if (!own.public_address[0] ||
		!seen_on_network(&seen, network->id, own.private_address))
		return phase_wait(facts, doing, err);
	facts_record(facts, &own);
	return VERDICT_NEXT;
}

const struct step load_balancer_steps[] = {
	STEPS_TO_MAKE,
	STEP_AWAIT,
	ROW(address),
	{0},
};
