/*
 * Creating and deleting servers. The answer comes at once; the create_server
 * action and those that follow it make it true bit by bit.
 */
#include "server.h"
#include "../kube/kube.h"
#include "catalog.h"
#include "firewall.h"
#include "load_balancer.h"
#include "network.h"
#include "refresh.h"
#include "small_kinds.h"

#include <string.h>

/* When the steps of a creation are through, in simulated seconds. */
#define CREATED 3
#define ATTACHED 4
#define STARTED 6

static struct json_object *server_body(const struct order *order)
{
	struct json_object *body = json_literal(
		"{'status': 'initializing', 'iso': null,"
		" 'rescue_enabled': false, 'locked': true,"
		" 'backup_window': null, 'outgoing_traffic': 0,"
		" 'ingoing_traffic': 0, 'included_traffic': 21990232555520,"
		" 'protection': {'delete': false, 'rebuild': false}}");

	json_put_text(body, "name", order->name);
	json_put(body, "labels", json_object_get(order->labels));
	json_put(body, "server_type", json_object_get(order->type->body));
	json_put(body, "image", json_object_get(order->image->body));
	json_put(body, "location", json_object_get(order->location->body));
	json_put(body, "datacenter", datacenter_view(order->location));
	json_put_number(body, "primary_disk_size",
		json_number(order->type->body, "disk"));
	return body;
}

static struct json_object *server_hidden(const struct order *order)
{
	struct json_object *hidden = json_object_new_object();

	json_put_text(hidden, "user_data", order->user_data);
	json_put(hidden, "ssh_keys", json_object_get(order->ssh_keys));
	return hidden;
}

static void give_addresses(struct project *project, struct resource *server,
	const struct order *order)
{
	if (order->own_ipv4)
		order->own_ipv4->holder = server->id;
	else if (order->ipv4)
		give_primary_ip(project, server, "ipv4");
	if (order->own_ipv6)
		order->own_ipv6->holder = server->id;
	else if (order->ipv6)
		give_primary_ip(project, server, "ipv6");
}

static bool reserve_places(
	struct call *call, struct resource *server, const struct order *order)
{
	for (size_t i = 0; i < json_count(order->networks); i++) {
		struct wish wish = {.who = server,
			.zone = json_text(
				order->location->body, "network_zone"),
			.network = resource_find(call->project, KIND_NETWORK,
				json_object_get_int64(
					json_nth(order->networks, i)))};
		const char *problem =
			attachment_to(server, wish.network->id)
				? "server_already_attached"
				: attachment_reserve(call->project, &wish);

		if (problem)
			return refuse(call, problem,
				"no place in network %s: %s",
				resource_name(wish.network), problem);
	}
	return true;
}

static void server_created(struct project *project, struct resource *server,
	struct json_object *detail)
{
	(void)project;
	json_put_text(server->body, "status",
		json_flag(detail, "start") ? "starting" : "off");
}

static void apply_firewalls(struct call *call, const struct resource *server,
	const struct order *order)
{
	for (size_t i = 0; i < json_count(order->firewalls); i++)
		firewall_take(find_reference(call->project, KIND_FIREWALL,
				      json_at(json_nth(order->firewalls, i),
					      "firewall")),
			server);
}

static void add_next(
	struct call *call, struct json_object *next, const struct plan *plan)
{
	json_add(next, resource_view(call->project,
			       action_start(call->project, plan)));
}

static void start_attachments(struct call *call, struct resource *server,
	struct resource *creation, struct json_object *next)
{
	for (size_t i = 0; i < MAX_NETS && server->nets[i].network; i++) {
		int64_t network = server->nets[i].network;
		const struct plan plan = {
			.command = "attach_to_network",
			.seconds = ATTACHED,
			.subject = server,
			.other = resource_find(
				call->project, KIND_NETWORK, network),
			.after = creation,
			.detail = network_detail(network),
			.effect = attachment_rise,
			.undo = attachment_drop,
		};

		add_next(call, next, &plan);
	}
}

static void start_volumes(struct call *call, struct resource *server,
	struct resource *creation, struct json_object *next,
	const struct order *order)
{
	for (size_t i = 0; i < json_count(order->volumes); i++) {
		struct json_object *detail = json_object_new_object();
		const struct plan plan = {
			.command = "attach_volume",
			.seconds = ATTACHED,
			.subject = find_reference(call->project, KIND_VOLUME,
				json_nth(order->volumes, i)),
			.other = server,
			.locks_other = true,
			.after = creation,
			.detail = detail,
			.effect = volume_attached,
		};

		json_put_number(detail, "server", server->id);
		add_next(call, next, &plan);
	}
}

static void start_running(struct call *call, struct resource *server,
	struct resource *creation, struct json_object *next)
{
	const struct plan plan = {
		.command = "start_server",
		.seconds = STARTED,
		.subject = server,
		.after = creation,
		.effect = server_runs,
	};

	add_next(call, next, &plan);
}

/* Starts all actions of a creation and answers with them. */
static void start_creation(
	struct call *call, struct resource *server, const struct order *order)
{
	struct json_object *next = json_object_new_array();
	struct json_object *detail = json_object_new_object();
	const struct plan plan = {
		.command = "create_server",
		.seconds = CREATED,
		.subject = server,
		.detail = detail,
		.effect = server_created,
	};
	struct resource *creation = action_start(call->project, &plan);

	json_put_flag(detail, "start", order->start);
	start_attachments(call, server, creation, next);
	start_volumes(call, server, creation, next, order);
	if (order->start)
		start_running(call, server, creation, next);
	answer(call, 201, "action", resource_view(call->project, creation));
	answer_add(call, "next_actions", next);
}

/* There is a password only where nobody could enter by key. */
static void answer_password(struct call *call, const struct order *order)
{
	json_put_text(call->answer, "root_password",
		json_count(order->ssh_keys) ? NULL : "sim-root-password");
}

static bool create(struct call *call, const struct order *order)
{
	struct resource *server =
		resource_new(call->project, KIND_SERVER, server_body(order));

	server->hidden = server_hidden(order);
	server->holder = order->group ? order->group->id : 0;
	if (!reserve_places(call, server, order)) {
		resource_remove(call->project, server);
		return false;
	}
	give_addresses(call->project, server, order);
	apply_firewalls(call, server, order);
	start_creation(call, server, order);
	answer_add(call, "server", resource_view(call->project, server));
	answer_password(call, order);
	return true;
}

bool create_server(struct call *call)
{
	struct order order;
	bool well = order_read(call, &order) && create(call, &order);

	order_clear(&order);
	return well;
}

static void server_deleted(struct project *project, struct resource *server,
	struct json_object *detail)
{
	(void)detail;
	resource_remove(project, server);
}

static void server_stays(struct project *project, struct resource *server,
	struct json_object *detail)
{
	(void)project;
	json_put_text(server->body, "status", json_text(detail, "status"));
}

bool delete_server(struct call *call)
{
	struct resource *server = call->self;

	if (!require_unprotected(call) || !require_idle(call, server, "locked"))
		return false;

	struct json_object *detail = json_object_new_object();
	const struct plan plan = {
		.command = "delete_server",
		.seconds = 2,
		.subject = server,
		.detail = detail,
		.effect = server_deleted,
		.undo = server_stays,
	};

	json_put_text(detail, "status", json_text(server->body, "status"));
	json_put_text(server->body, "status", "deleting");
	act(call, &plan);
	call->status = 200; /* the one action that is not a 201 */
	return true;
}

static void release_ips(struct project *project, int64_t server)
{
	struct shelf *ips = shelf_of(project, KIND_PRIMARY_IP);

	for (size_t i = ips->count; i-- > 0;) {
		struct resource *ip = ips->items[i];

		if (ip->holder != server)
			continue;
		ip->holder = 0;
		if (json_flag(ip->body, "auto_delete"))
			resource_remove(project, ip);
	}
}

void server_leave(struct project *project, struct resource *server)
{
	struct kube *kube = project->world->kube;
	struct resource *other;

	if (kube)
		kube_server_leaves(kube, server);
	release_ips(project, server->id);
	shelf_each(shelf_of(project, KIND_VOLUME),
		other) if (other->holder == server->id) other->holder = 0;
	shelf_each(shelf_of(project, KIND_FLOATING_IP),
		other) if (other->holder == server->id) other->holder = 0;
	shelf_each(shelf_of(project, KIND_FIREWALL), other)
		firewall_release(other, server->id);
	shelf_each(shelf_of(project, KIND_LOAD_BALANCER), other)
		load_balancer_release(other, server->id);
}
