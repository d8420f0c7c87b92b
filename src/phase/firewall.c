/*
 * Firewall of the gateway's public interface: SSH from where the customer
 * says, ICMP from anywhere, nothing else inbound. No action, for it is applied
 * when the gateway is created.
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

/* "192.0.2.0/24, 2001:db8::/32"; NULL when there is none. */
static struct json_object *ssh_sources(const struct facts *facts)
{
	struct json_object *sources = NULL;
	char *rest = arena_copy_text(facts->arena, facts->cluster.ssh_sources);
	char *source;

	while ((source = strtok_r(NULL, ", ", &rest))) {
		if (!sources)
			sources = json_new_array();
		json_append_text(sources, source);
	}
	return sources;
}

bool firewall_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err)
{
	struct json_object *rules = json_new_array();
	struct json_object *anywhere = json_new_array();
	struct json_object *sources = ssh_sources(facts);

	(void)user_data;
	(void)err;
	json_append_text(anywhere, "0.0.0.0/0");
	json_append_text(anywhere, "::/0");
	json_append(rules, new_rule("icmp", NULL, anywhere));
	if (sources)
		json_append(rules, new_rule("tcp", "22", sources));
	json_add(body, "rules", rules);
	return true;
}
