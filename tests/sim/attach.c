/*
 * Places in a network. An address is reserved when the request comes in and
 * shown when the action is through.
 */
#include "network.h"

#include <string.h>

struct attachment *attachment_to(struct resource *resource, int64_t network)
{
	for (size_t i = 0; i < MAX_NETS; i++)
		if (resource->nets[i].network == network)
			return &resource->nets[i];
	return NULL;
}

void attachment_clear(struct attachment *attachment)
{
	if (!attachment)
		return;
	json_object_put(attachment->alias_ips);
	*attachment = (struct attachment){0};
}

static bool taken_in(
	const struct shelf *shelf, int64_t network, uint32_t address)
{
	struct resource *resource;

	shelf_each(shelf,
		resource) for (size_t i = 0; i < MAX_NETS;
			       i++) if (resource->nets[i].network == network &&
					resource->nets[i].address ==
						address) return true;
	return false;
}

bool attachment_taken(
	struct project *project, int64_t network, uint32_t address)
{
	return taken_in(shelf_of(project, KIND_SERVER), network, address) ||
	       taken_in(
		       shelf_of(project, KIND_LOAD_BALANCER), network, address);
}

/* Neither the router's nor the subnet's own addresses, and nobody's yet. */
static bool is_available(struct project *project,
	const struct resource *network, const struct range *subnet,
	uint32_t address)
{
	return address != network_range(network).first + 1 &&
	       address != PUBLIC_GATEWAY && address != subnet->first &&
	       address != subnet->last &&
	       !attachment_taken(project, network->id, address);
}

/* Whether the subnet is one that the wish can be met from. */
static bool suits(const struct wish *wish, const struct json_object *subnet)
{
	const char *zone = json_text(subnet, "network_zone");
	const char *ip_range = json_text(subnet, "ip_range");

	return strcmp(zone, wish->zone) == 0 &&
	       strcmp(json_text(subnet, "type"), "vswitch") != 0 &&
	       (!wish->ip_range || strcmp(wish->ip_range, ip_range) == 0);
}

/* The lowest free address in the subnet, or the one that is wished for. */
static bool pick(struct project *project, const struct wish *wish,
	const struct range *subnet, uint32_t *address)
{
	if (wish->ip)
		return address_parse(wish->ip, address) &&
		       range_has(subnet, *address) &&
		       is_available(project, wish->network, subnet, *address);
	for (*address = subnet->first; *address < subnet->last; ++*address)
		if (is_available(project, wish->network, subnet, *address))
			return true;
	return false;
}

const char *attachment_reserve(struct project *project, const struct wish *wish)
{
	struct json_object *subnets = json_at(wish->network->body, "subnets");
	struct attachment *slot = attachment_to(wish->who, 0);
	bool suitable = false;

	if (!slot)
		return "resource_limit_exceeded";
	for (size_t i = 0; i < json_count(subnets); i++) {
		struct json_object *subnet = json_nth(subnets, i);
		struct range range;
		uint32_t address;

		if (!suits(wish, subnet))
			continue;
		suitable = true;
		range_parse(json_text(subnet, "ip_range"), &range);
		if (pick(project, wish, &range, &address)) {
			slot->network = wish->network->id;
			slot->address = address;
			return NULL;
		}
	}
	return suitable && wish->ip ? "ip_not_available"
				    : "no_subnet_available";
}

struct json_object *network_detail(int64_t network)
{
	struct json_object *detail = json_object_new_object();

	json_put_number(detail, "network", network);
	return detail;
}

void attachment_rise(struct project *project, struct resource *subject,
	struct json_object *detail)
{
	struct attachment *at =
		attachment_to(subject, json_number(detail, "network"));

	(void)project;
	if (at)
		at->up = true;
}

void attachment_drop(struct project *project, struct resource *subject,
	struct json_object *detail)
{
	(void)project;
	attachment_clear(
		attachment_to(subject, json_number(detail, "network")));
}

static bool overlaps_another(struct call *call, const struct resource *network)
{
	struct range wanted = network_range(network);

	for (size_t i = 0; i < MAX_NETS; i++) {
		const struct resource *other = resource_find(call->project,
			KIND_NETWORK, call->self->nets[i].network);

		if (!other)
			continue;

		struct range range = network_range(other);

		if (range_meets(&wanted, &range))
			return true;
	}
	return false;
}

/* Checks the request, reserves the place and starts the action. */
static bool attach(struct call *call, const char *already)
{
	struct fields in = fields_of(call);
	struct resource *network = want_reference(&in, "network", KIND_NETWORK);
	struct json_object *alias_ips =
		may_list(&in, "alias_ips", json_type_string);
	struct json_object *location = json_at(call->self->body, "location");
	struct wish wish = {.who = call->self,
		.network = network,
		.zone = json_text(location, "network_zone"),
		.ip = may_text(&in, "ip", NULL),
		.ip_range = may_text(&in, "ip_range", NULL)};
	const char *problem;

	if (call->refused)
		return false;
	if (attachment_to(call->self, network->id))
		return refuse(call, already, "already attached to network %s",
			resource_name(network));
	if (overlaps_another(call, network))
		return refuse(call, "networks_overlap",
			"network overlaps one that is attached already");
	problem = attachment_reserve(call->project, &wish);
	if (problem)
		return refuse(call, problem, "no place in network %s: %s",
			resource_name(network), problem);
	attachment_to(call->self, network->id)->alias_ips =
		json_copy(alias_ips);

	const struct plan plan = {
		.command = "attach_to_network",
		.seconds = 2,
		.subject = call->self,
		.other = network,
		.detail = network_detail(network->id),
		.effect = attachment_rise,
		.undo = attachment_drop,
	};

	return act(call, &plan);
}

static bool detach(struct call *call)
{
	struct fields in = fields_of(call);
	struct resource *network = want_reference(&in, "network", KIND_NETWORK);

	if (!network)
		return false;
	if (!attachment_to(call->self, network->id))
		return refuse(call, "not_found", "not attached to network %s",
			resource_name(network));

	const struct plan plan = {
		.command = "detach_from_network",
		.seconds = 2,
		.subject = call->self,
		.other = network,
		.detail = network_detail(network->id),
		.effect = attachment_drop,
	};

	return act(call, &plan);
}

bool attach_server(struct call *call)
{
	return require_idle(call, call->self, "locked") &&
	       attach(call, "server_already_attached");
}

bool detach_server(struct call *call)
{
	return require_idle(call, call->self, "locked") && detach(call);
}

bool attach_load_balancer(struct call *call)
{
	if (!require_idle(call, call->self, "conflict"))
		return false;
	/* A load balancer has room for one network only. */
	if (call->self->nets[0].network)
		return refuse(call, "load_balancer_already_attached",
			"load balancer is already attached to a network");
	return attach(call, "load_balancer_already_attached");
}

bool detach_load_balancer(struct call *call)
{
	return require_idle(call, call->self, "conflict") && detach(call);
}
