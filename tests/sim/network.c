/* Networks: made with their subnets and routes, changed by actions. */
#include "network.h"
#include "refresh.h"

#include <string.h>

struct range network_range(const struct resource *network)
{
	struct range range = {0};

	range_parse(json_text(network->body, "ip_range"), &range);
	return range;
}

static bool read_range(struct fields *in, struct range *range)
{
	const char *text = want_text(in, "ip_range");

	if (!text)
		return false;
	if (!range_parse(text, range) || !range_is_private(range))
		return refuse_at(in, "ip_range",
			"must be a private IPv4 range of RFC 1918");
	if (range->bits > 24)
		return refuse_at(in, "ip_range", "must be at least a /24");
	return true;
}

typedef struct json_object *reader(struct fields *in, const struct range *range,
	const struct json_object *network);

/* Reads each entry of a list of the request into the new network. */
static void read_each(struct fields *in, const char *key, reader *read,
	const struct range *range, struct json_object *network)
{
	struct json_object *entries = may_list(in, key, json_type_object);

	for (size_t i = 0; i < json_count(entries); i++) {
		struct fields entry = fields_nth(in, key, i);
		struct json_object *made =
			in->call->refused ? NULL : read(&entry, range, network);

		if (made)
			json_add(json_at(network, key), made);
	}
}

bool create_network(struct call *call)
{
	struct fields in = fields_of(call);
	const char *name = want_name(&in, KIND_NETWORK);
	struct range range;
	struct json_object *body;

	if (!name || !read_range(&in, &range) ||
		!require_quota(call, KIND_NETWORK))
		return false;
	body = json_literal("{'subnets': [], 'routes': [], 'servers': [],"
			    " 'load_balancers': [],"
			    " 'protection': {'delete': false}}");
	json_put_text(body, "name", name);
	json_put_text(body, "ip_range", json_text(in.at, "ip_range"));
	json_put(body, "labels", may_labels(&in));
	json_put_flag(body, "expose_routes_to_vswitch",
		may_flag(&in, "expose_routes_to_vswitch", false));
	read_each(&in, "subnets", read_subnet, &range, body);
	read_each(&in, "routes", read_route, &range, body);
	if (call->refused) {
		json_object_put(body);
		return false;
	}
	return answer(call, 201, "network",
		resource_view(call->project,
			resource_new(call->project, KIND_NETWORK, body)));
}

bool delete_network(struct call *call)
{
	if (!require_unprotected(call) ||
		!require_idle(call, call->self, "conflict"))
		return false;
	resource_remove(call->project, call->self);
	return answer_nothing(call);
}

static struct json_object *members(
	struct project *project, enum kind kind, int64_t network)
{
	struct json_object *ids = json_object_new_array();
	struct resource *resource;

	shelf_each(shelf_of(project, kind), resource)
	{
		const struct attachment *at = attachment_to(resource, network);

		if (at && at->up)
			json_add_number(ids, resource->id);
	}
	return ids;
}

void network_refresh(struct project *project, struct resource *network)
{
	json_put(network->body, "servers",
		members(project, KIND_SERVER, network->id));
	json_put(network->body, "load_balancers",
		members(project, KIND_LOAD_BALANCER, network->id));
}

static void detach_all(struct project *project, enum kind kind, int64_t network)
{
	struct resource *resource;

	shelf_each(shelf_of(project, kind), resource)
		attachment_clear(attachment_to(resource, network));
}

void network_leave(struct project *project, struct resource *network)
{
	detach_all(project, KIND_SERVER, network->id);
	detach_all(project, KIND_LOAD_BALANCER, network->id);
}

bool change_ip_range(struct call *call)
{
	struct fields in = fields_of(call);
	struct range old = network_range(call->self);
	struct range range;

	if (!require_idle(call, call->self, "conflict") ||
		!read_range(&in, &range))
		return false;
	if (!range_holds(&range, &old))
		return refuse_at(&in, "ip_range", "can only be extended");
	json_put_text(
		call->self->body, "ip_range", json_text(in.at, "ip_range"));

	const struct plan plan = {
		.command = "change_ip_range",
		.seconds = 1,
		.subject = call->self,
	};

	return act(call, &plan);
}
