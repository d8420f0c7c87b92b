/*
 * Firewall of the gateway's public interface: SSH from where the customer
 * says, ICMP from anywhere, nothing else inbound. It is applied when the
 * gateway is created.
 */
#include "parts.h"

#include <byoc/json.h>
#include <string.h>

static struct json_object *new_rule(
	const char *protocol, const char *port, struct json_object *sources)
{
	struct json_object *rule = json_new();

	json_add_text(rule, "direction", "in");
	json_add_text(rule, "protocol", protocol);
	if (port)
		json_add_text(rule, "port", port);
	json_add(rule, "source_ips", sources);
	return rule;
}

/* Adds "192.0.2.0/24, 2001:db8::/32" to a list, which is made if need be. */
static struct json_object *add_sources(const struct facts *facts,
	struct json_object *sources, const char *networks)
{
	char *rest = arena_copy_text(facts->arena, networks);
	char *source;

	while ((source = strtok_r(NULL, ", ", &rest))) {
		if (!sources)
			sources = json_new_array();
		json_append_text(sources, source);
	}
	return sources;
}

/* Whom the gateway lets through to the API. Workers have to reach it, too. */
static struct json_object *api_sources(
	const struct facts *facts, struct err *err)
{
	const char *workers = facts->worker_sources;

	if (!workers || !*workers || strcmp(workers, "none") == 0) {
		err_set(err, ERR_REFUSED, "no_worker_sources",
			"The API of this cluster is not open to everybody, and "
			"workers could not reach it either: an operator has to "
			"say in BYOC_WORKER_SOURCES where they come from. Then "
			"retry the cluster.");
		return NULL;
	}
	return add_sources(facts, add_sources(facts, NULL, workers),
		facts->cluster.api_sources);
}

struct json_object *firewall_rules(const struct facts *facts, struct err *err)
{
	struct json_object *rules = json_new_array();
	struct json_object *anywhere = json_new_array();
	struct json_object *sources =
		add_sources(facts, NULL, facts->cluster.ssh_sources);

	json_append_text(anywhere, "0.0.0.0/0");
	json_append_text(anywhere, "::/0");
	json_append(rules, new_rule("icmp", NULL, anywhere));
	if (sources)
		json_append(rules, new_rule("tcp", "22", sources));
	if (cluster_api_is_open(&facts->cluster))
		return rules;
	sources = api_sources(facts, err);
	if (sources)
		json_append(rules, new_rule("tcp", "6443", sources));
	else
		json_free(rules);
	return sources ? rules : NULL;
}

struct json_object *firewall_application(const struct facts *facts)
{
	const struct resource *gateway =
		facts_recorded(facts, "nat_gateway", 0);

	if (!gateway)
		return NULL;
	struct json_object *list = json_new_array(), *entry = json_new();
	struct json_object *server = json_new();
	json_add_i64(server, "id", gateway->id);
	json_add_text(entry, "type", "server");
	json_add(entry, "server", server);
	json_append(list, entry);
	return list;
}

/* A gateway that is there already is that of a cluster under repair. */
bool firewall_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err)
{
	struct json_object *rules = firewall_rules(facts, err);
	struct json_object *applied = firewall_application(facts);

	(void)user_data;
	if (rules)
		json_add(body, "rules", rules);
	if (applied)
		json_add(body, "apply_to", applied);
	return rules != NULL;
}
