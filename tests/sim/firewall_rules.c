/* The rules of a firewall: checked one by one and completed. */
#include "firewall_rules.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define MOST_RULES 50

static bool is_cidr(const char *text)
{
	char address[64];
	const char *slash = strchr(text, '/');
	unsigned char raw[16];
	char *end;

	if (!slash || (size_t)(slash - text) >= sizeof address || !slash[1])
		return false;
	snprintf(address, sizeof address, "%.*s", (int)(slash - text), text);

	bool v4 = inet_pton(AF_INET, address, raw) == 1;
	unsigned long bits = strtoul(slash + 1, &end, 10);

	return !*end && bits <= (v4 ? 32 : 128) &&
	       (v4 || inet_pton(AF_INET6, address, raw) == 1);
}

/* "80" or "1024-5000" */
static bool is_port(const char *text)
{
	char *end;
	unsigned long first = strtoul(text, &end, 10);
	unsigned long last = first;

	if (end == text)
		return false;
	if (*end == '-')
		last = strtoul(end + 1, &end, 10);
	return !*end && first >= 1 && first <= last && last <= 65535;
}

static void read_ips(
	struct fields *in, const char *key, struct json_object *rule)
{
	struct json_object *ips = may_list(in, key, json_type_string);

	for (size_t i = 0; i < json_count(ips); i++) {
		const char *text = json_object_get_string(json_nth(ips, i));

		if (!text || !is_cidr(text))
			refuse_at(in, key, "must be in CIDR notation");
	}
	json_put(rule, key, ips ? json_copy(ips) : json_object_new_array());
}

/* Only TCP and UDP have ports, and they must have some. */
static void read_port(
	struct fields *in, const char *protocol, struct json_object *rule)
{
	const char *port = may_text(in, "port", NULL);
	bool has_ports = protocol && (strcmp(protocol, "tcp") == 0 ||
					     strcmp(protocol, "udp") == 0);

	if (has_ports && (!port || !is_port(port)))
		refuse_at(in, "port", "must be a port or a port range");
	if (!has_ports && port)
		refuse_at(in, "port", "is only for tcp and udp");
	json_put_text(rule, "port", port);
}

static struct json_object *read_rule(struct fields *in)
{
	static const char *const directions[] = {"in", "out", NULL};
	static const char *const protocols[] = {
		"tcp", "udp", "icmp", "esp", "gre", NULL};
	struct json_object *rule = json_object_new_object();
	const char *direction = want_word(in, "direction", directions);
	const char *protocol = want_word(in, "protocol", protocols);
	const char *description = may_text(in, "description", NULL);

	json_put_text(rule, "direction", direction);
	json_put_text(rule, "protocol", protocol);
	json_put_text(rule, "description", description);
	if (description && strlen(description) > 255)
		refuse_at(in, "description", "is longer than 255");
	read_port(in, protocol, rule);
	read_ips(in, "source_ips", rule);
	read_ips(in, "destination_ips", rule);
	if (!in->call->refused) {
		const char *ips = strcmp(direction, "in") == 0
					  ? "source_ips"
					  : "destination_ips";

		if (!json_count(json_at(rule, ips)))
			refuse_at(in, ips, "is required for the direction");
	}
	return rule;
}

struct json_object *read_rules(struct fields *in)
{
	struct json_object *rules = json_object_new_array();
	struct json_object *wanted = may_list(in, "rules", json_type_object);

	if (json_count(wanted) > MOST_RULES)
		refuse_at(in, "rules", "has more than %d entries", MOST_RULES);
	for (size_t i = 0; i < json_count(wanted) && !in->call->refused; i++) {
		struct fields entry = fields_nth(in, "rules", i);

		json_add(rules, read_rule(&entry));
	}
	return rules;
}
