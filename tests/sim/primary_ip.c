/*
 * Primary IPs: a server's public addresses. They come from ranges that are
 * set aside for tests and documentation, so that nobody is ever reached.
 */
#include "../kube/kube.h"
#include "address.h"
#include "catalog.h"
#include "refresh.h"
#include "small_kinds.h"

#include <string.h>

#define FIRST_IPV4 0xc6120000u /* 198.18.0.0/15 */

void public_ipv4(struct world *world, char text[static 32])
{
	address_text(FIRST_IPV4 + ++world->last_public_address, text);
}

void public_ipv6(struct world *world, const char *ending, char text[static 32])
{
	snprintf(text, 32, "2001:db8:0:%x::%s",
		++world->last_public_address & 0xffff, ending);
}

void primary_ip_refresh(struct project *project, struct resource *ip)
{
	(void)project;
	if (ip->holder)
		json_put_number(ip->body, "assignee_id", ip->holder);
	else
		json_put(ip->body, "assignee_id", NULL);
}

struct resource *primary_ip_of(
	struct project *project, int64_t server, const char *type)
{
	struct resource *ip;

	shelf_each(shelf_of(project, KIND_PRIMARY_IP),
		ip) if (ip->holder == server &&
			strcmp(json_text(ip->body, "type"), type) ==
				0) return ip;
	return NULL;
}

void add_dns_ptr(struct json_object *body, const char *address)
{
	struct json_object *all = json_object_new_array();
	struct json_object *one = json_object_new_object();
	char name[80];

	snprintf(
		name, sizeof name, "static.%s.clients.your-server.de", address);
	json_put_text(one, "ip", address);
	json_put_text(one, "dns_ptr", name);
	json_add(all, one);
	json_put(body, "dns_ptr", all);
}

/* Takes over the labels. */
static struct resource *primary_ip_new(struct project *project,
	const char *name, const char *type, struct resource *location,
	struct json_object *labels)
{
	struct json_object *body =
		json_literal("{'assignee_type': 'server', 'blocked': false,"
			     " 'auto_delete': false, 'dns_ptr': [],"
			     " 'protection': {'delete': false}}");
	struct resource *ip = resource_new(project, KIND_PRIMARY_IP, body);
	char address[32];

	if (strcmp(type, "ipv6") == 0)
		public_ipv6(project->world, "/64", address);
	else if (project->world->kube)
		kube_take_address(project->world->kube, ip, address);
	else
		public_ipv4(project->world, address);
	if (strcmp(type, "ipv4") == 0)
		add_dns_ptr(body, address);
	json_put_text(body, "name", name);
	json_put_text(body, "type", type);
	json_put_text(body, "ip", address);
	json_put(body, "labels", labels);
	json_put(body, "location", json_object_get(location->body));
	json_put(body, "datacenter", datacenter_view(location));
	return ip;
}

void primary_ip_leave(struct project *project, struct resource *ip)
{
	struct kube *kube = project->world->kube;

	if (kube)
		kube_holder_leaves(kube, ip);
}

void give_primary_ip(
	struct project *project, struct resource *server, const char *type)
{
	struct resource *location = resource_find(project, KIND_LOCATION,
		json_number(json_at(server->body, "location"), "id"));
	struct resource *ip = primary_ip_new(
		project, "", type, location, json_object_new_object());
	char name[48];

	snprintf(name, sizeof name, "primary_ip-%lld", (long long)ip->id);
	json_put_text(ip->body, "name", name);
	json_put_flag(ip->body, "auto_delete", true);
	ip->holder = server->id;
}

/* From the location, the data center, or the server it is for. */
static struct resource *place_of(
	struct fields *in, const struct resource *server)
{
	struct project *project = in->call->project;
	const char *datacenter = may_text(in, "datacenter", NULL);
	struct resource *place;

	if (server)
		return resource_find(project, KIND_LOCATION,
			json_number(json_at(server->body, "location"), "id"));
	if (!datacenter)
		return want_reference(in, "location", KIND_LOCATION);
	place = location_of_datacenter(project, datacenter);
	if (!place)
		refuse_at(in, "datacenter", "does not exist");
	return place;
}

/* Only a server that is off can be given an address, and one of a type. */
static bool may_be_assigned(
	struct call *call, const struct resource *server, const char *type)
{
	if (primary_ip_of(call->project, server->id, type))
		return refuse(call,
			strcmp(type, "ipv4") == 0 ? "server_has_ipv4"
						  : "server_has_ipv6",
			"server already has an %s address", type);
	if (strcmp(json_text(server->body, "status"), "off") != 0)
		return refuse(call, "server_not_stopped",
			"server is not powered off");
	return require_idle(call, server, "locked");
}

static bool answer_primary_ip(
	struct call *call, struct resource *ip, struct resource *server)
{
	const struct plan plan = {
		.command = "create_primary_ip",
		.subject = ip,
		.other = server,
	};

	answer(call, 201, "primary_ip", resource_view(call->project, ip));
	if (server)
		answer_add(call, "action",
			resource_view(call->project,
				action_start(call->project, &plan)));
	return true;
}

bool create_primary_ip(struct call *call)
{
	static const char *const types[] = {"ipv4", "ipv6", NULL};
	struct fields in = fields_of(call);
	const char *name = want_name(&in, KIND_PRIMARY_IP);
	const char *type = want_word(&in, "type", types);
	bool auto_delete = may_flag(&in, "auto_delete", false);
	struct resource *server =
		json_at(in.at, "assignee_id")
			? want_reference(&in, "assignee_id", KIND_SERVER)
			: NULL;
	struct resource *location = place_of(&in, server);
	struct json_object *labels = may_labels(&in);

	if (call->refused || !require_quota(call, KIND_PRIMARY_IP) ||
		(server && !may_be_assigned(call, server, type))) {
		json_object_put(labels);
		return false;
	}

	struct resource *ip =
		primary_ip_new(call->project, name, type, location, labels);

	json_put_flag(ip->body, "auto_delete", auto_delete);
	ip->holder = server ? server->id : 0;
	return answer_primary_ip(call, ip, server);
}

bool delete_primary_ip(struct call *call)
{
	if (!require_unprotected(call))
		return false;
	if (call->self->holder)
		return refuse(call, "must_be_unassigned",
			"primary IP must be unassigned first");
	resource_remove(call->project, call->self);
	return answer_nothing(call);
}

bool assign_primary_ip(struct call *call)
{
	struct fields in = fields_of(call);
	struct resource *server =
		want_reference(&in, "assignee_id", KIND_SERVER);
	const char *type = json_text(call->self->body, "type");

	if (!server)
		return false;
	if (call->self->holder)
		return refuse(call, "primary_ip_already_assigned",
			"primary IP is already assigned");
	if (!may_be_assigned(call, server, type))
		return false;
	call->self->holder = server->id;

	const struct plan plan = {
		.command = "assign_primary_ip",
		.subject = call->self,
		.other = server,
	};

	return act(call, &plan);
}

bool unassign_primary_ip(struct call *call)
{
	struct resource *server =
		resource_find(call->project, KIND_SERVER, call->self->holder);

	if (!server)
		return refuse(call, "primary_ip_not_assigned",
			"primary IP is not assigned");
	if (strcmp(json_text(server->body, "status"), "off") != 0)
		return refuse(call, "server_not_stopped",
			"server is not powered off");
	call->self->holder = 0;

	const struct plan plan = {
		.command = "unassign_primary_ip",
		.subject = call->self,
		.other = server,
	};

	return act(call, &plan);
}
