/*
 * Is what there is as it was made? What an answer does not show is no fault;
 * and what depends on what the cluster was to be is looked at where that is
 * known.
 */
#include "parts.h"

#include <byoc/json.h>
#include <json-c/json.h>
#include <string.h>

const char *fault_text(enum fault fault)
{
	static const char *const texts[] = {
		[FAULT_OFF] = "it is switched off",
		[FAULT_DETACHED] = "it is not on the cluster's network",
		[FAULT_NO_ROUTE] = "its route to the gateway is gone",
		[FAULT_UNAPPLIED] = "it is applied to no server",
		[FAULT_RULES] = "its rules were changed",
		[FAULT_NO_SERVICE] = "its service for the API is gone",
		[FAULT_SERVICE] = "its service for the API was changed",
		[FAULT_NO_TARGET] = "it does not lead to the control planes",
	};
	_Static_assert(COUNT(texts) == FAULT_COUNT, "a sentence for each");
	return texts[fault];
}

static bool shows(const struct json_in *in, const char *key)
{
	return json_object_object_get_ex(in->at, key, NULL);
}

static bool is_off(const struct json_in *server)
{
	const char *status = json_opt_text_ref(server, "status");

	return status && strcmp(status, "off") == 0;
}

static bool leads_out(const struct json_in *network)
{
	struct json_in route;

	for (size_t i = 0; i < json_count(network, "routes"); i++) {
		if (!json_element(network, "routes", i, &route))
			continue;
		const char *to = json_opt_text_ref(&route, "destination");
		const char *by = json_opt_text_ref(&route, "gateway");
		if (to && by && strcmp(to, "0.0.0.0/0") == 0 &&
			strcmp(by, GATEWAY_PRIVATE_ADDRESS) == 0)
			return true;
	}
	return false;
}

/* ---- Firewalls ---- */

static bool has_other_rules(
	const struct facts *facts, const struct json_in *firewall)
{
	struct err ignored = {0};
	struct json_object *wanted = json_new();
	struct json_object *rules = firewall_rules(facts, &ignored);
	bool differs = false;

	if (rules) {
		struct json_in in = {wanted, "wanted", &ignored};
		json_add(wanted, "rules", rules);
		differs = !rules_equal(facts->arena, firewall, &in);
	}
	json_free(wanted);
	return differs;
}

static unsigned faults_of_firewall(
	const struct facts *facts, const struct json_in *firewall)
{
	unsigned faults = 0;

	if (shows(firewall, "applied_to") &&
		json_count(firewall, "applied_to") == 0)
		faults |= FAULT_BIT(FAULT_UNAPPLIED);
	if (facts->cluster.id[0] && shows(firewall, "rules") &&
		has_other_rules(facts, firewall))
		faults |= FAULT_BIT(FAULT_RULES);
	return faults;
}

/* ---- Load balancers ---- */

/* Whatever is wanted is so; what else there is does not matter. */
static bool is_within(struct json_object *wanted, struct json_object *found)
{
	if (!json_object_is_type(wanted, json_type_object))
		return json_object_equal(wanted, found);
	json_object_object_foreach(wanted, key, value)
	{
		struct json_object *other = NULL;
		if (!json_object_object_get_ex(found, key, &other) ||
			!is_within(value, other))
			return false;
	}
	return true;
}

static unsigned fault_of_service(const struct json_in *balancer)
{
	struct json_object *wanted = load_balancer_service();
	unsigned fault = FAULT_BIT(FAULT_NO_SERVICE);
	struct json_in service;

	for (size_t i = 0; i < json_count(balancer, "services"); i++) {
		int port = 0;
		if (!json_element(balancer, "services", i, &service))
			continue;
		json_opt_int(&service, "listen_port", &port);
		if (port == API_PORT)
			fault = is_within(wanted, service.at)
					? 0
					: FAULT_BIT(FAULT_SERVICE);
	}
	json_free(wanted);
	return fault;
}

static bool leads_to_control_planes(
	const struct facts *facts, const struct json_in *balancer)
{
	struct json_object *wanted = load_balancer_target(facts);
	struct json_in target;
	bool found = false;

	for (size_t i = 0; i < json_count(balancer, "targets"); i++)
		found |= json_element(balancer, "targets", i, &target) &&
			 is_within(wanted, target.at);
	json_free(wanted);
	return found;
}

static unsigned faults_of_balancer(
	const struct facts *facts, const struct json_in *balancer)
{
	bool is_known = facts->cluster.id[0];
	unsigned faults = 0;

	if (is_known && shows(balancer, "services"))
		faults |= fault_of_service(balancer);
	if (shows(balancer, "targets") &&
		(json_count(balancer, "targets") == 0 ||
			(is_known &&
				!leads_to_control_planes(facts, balancer))))
		faults |= FAULT_BIT(FAULT_NO_TARGET);
	return faults;
}

unsigned faults_of(const struct facts *facts, enum resource_kind kind,
	const struct seen *seen)
{
	struct err ignored = {0};
	const struct json_in in = {seen->object, "object", &ignored};

	if (kind == RESOURCE_SERVER)
		return is_off(&in) ? FAULT_BIT(FAULT_OFF) : 0;
	if (kind == RESOURCE_NETWORK)
		return shows(&in, "routes") && !leads_out(&in)
			       ? FAULT_BIT(FAULT_NO_ROUTE)
			       : 0;
	if (kind == RESOURCE_FIREWALL)
		return faults_of_firewall(facts, &in);
	if (kind == RESOURCE_LOAD_BALANCER)
		return faults_of_balancer(facts, &in);
	return 0;
}
