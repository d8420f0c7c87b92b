/*
 * Reverse names of primary and floating IPs: of the one address of an IPv4, of
 * up to a hundred in an IPv6's network. They are set when the action ends.
 */
#include "generic.h"
#include "small_kinds.h"

#include <arpa/inet.h>
#include <string.h>

enum { MOST_NAMES = 100, NETWORK_BYTES = 8 };

static bool is_ipv6(const struct resource *ip)
{
	return strcmp(json_text(ip->body, "type"), "ipv6") == 0;
}

static bool is_in_network(const char *address, const char *network)
{
	unsigned char one[16], other[16];
	char begin[64];

	snprintf(begin, sizeof begin, "%.*s", (int)strcspn(network, "/"),
		network);
	return inet_pton(AF_INET6, address, one) == 1 &&
	       inet_pton(AF_INET6, begin, other) == 1 &&
	       memcmp(one, other, NETWORK_BYTES) == 0;
}

static bool is_its_address(const struct resource *ip, const char *address)
{
	const char *own = json_text(ip->body, "ip");

	return is_ipv6(ip) ? is_in_network(address, own)
			   : strcmp(address, own) == 0;
}

static struct json_object *entry_of(
	const struct resource *ip, const char *address)
{
	struct json_object *all = json_at(ip->body, "dns_ptr");

	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *one = json_object_array_get_idx(all, i);

		if (strcmp(json_text(one, "ip"), address) == 0)
			return one;
	}
	return NULL;
}

static void name_is_set(struct project *project, struct resource *ip,
	struct json_object *detail)
{
	const char *address = json_text(detail, "ip");
	struct json_object *entry = entry_of(ip, address);

	(void)project;
	if (!entry) {
		entry = json_object_new_object();
		json_put_text(entry, "ip", address);
		json_add(json_at(ip->body, "dns_ptr"), entry);
	}
	json_put_text(entry, "dns_ptr", json_text(detail, "dns_ptr"));
}

bool change_dns_ptr(struct call *call)
{
	struct fields in = fields_of(call);
	struct resource *ip = call->self;
	const char *address = want_text(&in, "ip");
	const char *name = want_text(&in, "dns_ptr");

	if (!address || !name || !require_idle(call, ip, "locked"))
		return false;
	if (!is_its_address(ip, address))
		return refuse_at(&in, "ip", "is not an address of it");
	if (!entry_of(ip, address) && json_object_array_length(json_at(ip->body,
					      "dns_ptr")) >= MOST_NAMES)
		return refuse_at(&in, "ip", "has too many names already");

	const struct plan plan = {
		.command = "change_dns_ptr",
		.seconds = 1,
		.subject = ip,
		.detail = json_object_get(in.at),
		.effect = name_is_set,
	};

	return act(call, &plan);
}
