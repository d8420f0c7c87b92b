/* Load balancers: made in one call with network, services and targets. */
#include "load_balancer.h"
#include "../kube/kube.h"
#include "catalog.h"
#include "network.h"
#include "refresh.h"
#include "small_kinds.h"

#include <string.h>

static const char *const algorithms[] = {
	"round_robin", "least_connections", NULL};

static const char *read_algorithm(struct fields *outer)
{
	struct fields in = fields_in(outer, "algorithm");

	return in.at ? want_word(&in, "type", algorithms) : algorithms[0];
}

static struct resource *place_of(struct fields *in)
{
	const char *zone = may_text(in, "network_zone", NULL);
	struct resource *place;

	if (!zone)
		return want_reference(in, "location", KIND_LOCATION);
	if (json_at(in->at, "location")) {
		refuse_at(in, "location", "excludes network_zone");
		return NULL;
	}
	place = location_in_zone(in->call->project, zone);
	if (!place)
		refuse_at(in, "network_zone", "does not exist");
	return place;
}

static struct json_object *public_net(struct world *world, bool enabled)
{
	struct json_object *net =
		json_literal("{'ipv4': {'ip': null, 'dns_ptr': null},"
			     " 'ipv6': {'ip': null, 'dns_ptr': null}}");
	char address[32];

	json_put_flag(net, "enabled", enabled);
	public_ipv4(world, address);
	json_put_text(json_at(net, "ipv4"), "ip", address);
	public_ipv6(world, "1", address);
	json_put_text(json_at(net, "ipv6"), "ip", address);
	return net;
}

/* All but services and targets. */
static struct json_object *read_balancer(struct fields *in)
{
	const char *name = want_name(in, KIND_LOAD_BALANCER);
	struct resource *type = want_reference(
		in, "load_balancer_type", KIND_LOAD_BALANCER_TYPE);
	struct resource *location = place_of(in);
	const char *algorithm = read_algorithm(in);
	bool is_public = may_flag(in, "public_interface", true);
	struct json_object *labels = may_labels(in);

	if (in->call->refused) {
		json_object_put(labels);
		return NULL;
	}

	struct json_object *body =
		json_literal("{'services': [], 'targets': [], 'algorithm': {},"
			     " 'protection': {'delete': false},"
			     " 'outgoing_traffic': 0, 'ingoing_traffic': 0,"
			     " 'included_traffic': 21990232555520}");

	json_put_text(body, "name", name);
	json_put(body, "labels", labels);
	json_put(body, "load_balancer_type", json_object_get(type->body));
	json_put(body, "location", json_object_get(location->body));
	json_put_text(json_at(body, "algorithm"), "type", algorithm);
	json_put(body, "public_net", public_net(in->call->world, is_public));
	return body;
}

static void read_services(struct fields *in, struct json_object *body)
{
	struct json_object *wanted = may_list(in, "services", json_type_object);

	for (size_t i = 0; i < json_count(wanted) && !in->call->refused; i++) {
		struct fields at = fields_nth(in, "services", i);
		struct json_object *service = read_service(&at, body);

		if (service)
			json_add(json_at(body, "services"), service);
	}
}

static void read_targets(
	struct fields *in, struct json_object *body, int64_t network)
{
	struct json_object *wanted = may_list(in, "targets", json_type_object);

	for (size_t i = 0; i < json_count(wanted) && !in->call->refused; i++) {
		struct fields at = fields_nth(in, "targets", i);
		struct json_object *target = read_target(&at, body, network);

		if (target)
			json_add(json_at(body, "targets"), target);
	}
}

static bool reserve_place(
	struct call *call, struct resource *balancer, struct resource *network)
{
	struct json_object *location = json_at(balancer->body, "location");
	struct wish wish = {.who = balancer,
		.network = network,
		.zone = json_text(location, "network_zone")};
	const char *problem = attachment_reserve(call->project, &wish);

	if (!problem)
		return true;
	return refuse(call, problem, "no place in network %s: %s",
		resource_name(network), problem);
}

static bool create(
	struct call *call, struct json_object *body, struct resource *network)
{
	struct resource *balancer =
		resource_new(call->project, KIND_LOAD_BALANCER, body);
	struct kube *kube = call->world->kube;
	struct plan plan = {
		.command = "create_load_balancer",
		.seconds = 3,
		.subject = balancer,
	};

	if (kube) {
		char address[16];

		kube_take_address(kube, balancer, address);
		json_put_text(json_at(json_at(body, "public_net"), "ipv4"),
			"ip", address);
	}
	if (network) {
		if (!reserve_place(call, balancer, network)) {
			resource_remove(call->project, balancer);
			return false;
		}
		plan.detail = network_detail(network->id);
		plan.effect = attachment_rise;
		plan.undo = attachment_drop;
	}
	act(call, &plan);
	answer_add(
		call, "load_balancer", resource_view(call->project, balancer));
	return true;
}

bool create_load_balancer(struct call *call)
{
	struct fields in = fields_of(call);
	struct resource *network =
		json_at(in.at, "network")
			? want_reference(&in, "network", KIND_NETWORK)
			: NULL;
	struct json_object *body = read_balancer(&in);

	if (!body)
		return false;
	read_services(&in, body);
	read_targets(&in, body, network ? network->id : 0);
	if (call->refused || !require_quota(call, KIND_LOAD_BALANCER)) {
		json_object_put(body);
		return false;
	}
	return create(call, body, network);
}

bool delete_load_balancer(struct call *call)
{
	if (!require_unprotected(call) ||
		!require_idle(call, call->self, "conflict"))
		return false;
	resource_remove(call->project, call->self);
	return answer_nothing(call);
}

bool change_algorithm(struct call *call)
{
	struct fields in = fields_of(call);
	const char *algorithm = want_word(&in, "type", algorithms);

	if (!algorithm || !require_idle(call, call->self, "conflict"))
		return false;
	json_put_text(
		json_at(call->self->body, "algorithm"), "type", algorithm);

	const struct plan plan = {
		.command = "change_algorithm",
		.seconds = 1,
		.subject = call->self,
	};

	return act(call, &plan);
}

void load_balancer_leave(struct project *project, struct resource *balancer)
{
	struct kube *kube = project->world->kube;

	if (kube)
		kube_holder_leaves(kube, balancer);
}

void load_balancer_refresh(struct project *project, struct resource *balancer)
{
	const struct attachment *at = &balancer->nets[0];
	struct json_object *nets = json_object_new_array();

	if (at->up) {
		struct json_object *net = json_object_new_object();
		char text[16];

		json_put_number(net, "network", at->network);
		json_put_text(net, "ip", address_text(at->address, text));
		json_add(nets, net);
	}
	json_put(balancer->body, "private_net", nets);
	refresh_targets(project, balancer);
}
