/*
 * Floating IPs: addresses that go from server to server. They have to be
 * unassigned before they can be deleted; a server that goes leaves them behind.
 */
#include "generic.h"
#include "refresh.h"
#include "small_kinds.h"

#include <string.h>

void floating_ip_refresh(struct project *project, struct resource *ip)
{
	(void)project;
	if (ip->holder)
		json_put_number(ip->body, "server", ip->holder);
	else
		json_put(ip->body, "server", NULL);
}

/* The location that is named, or that of the server it is for. */
static struct resource *home_of(
	struct fields *in, const struct resource *server)
{
	if (!server)
		return want_reference(in, "home_location", KIND_LOCATION);
	if (json_at(in->at, "home_location")) {
		refuse_at(in, "home_location", "excludes server");
		return NULL;
	}
	return resource_find(in->call->project, KIND_LOCATION,
		json_number(json_at(server->body, "location"), "id"));
}

/* Takes over the labels; without a name it is given one. */
static struct resource *floating_ip_new(struct project *project,
	const char *name, const char *type, const struct resource *home,
	struct json_object *labels)
{
	struct json_object *body =
		json_literal("{'blocked': false, 'dns_ptr': [],"
			     " 'description': null,"
			     " 'protection': {'delete': false}}");
	struct resource *ip = resource_new(project, KIND_FLOATING_IP, body);
	bool is_ipv6 = strcmp(type, "ipv6") == 0;
	char address[32], own_name[48];

	if (is_ipv6)
		public_ipv6(project->world, "/64", address);
	else
		public_ipv4(project->world, address);
	if (!is_ipv6)
		add_dns_ptr(body, address);
	snprintf(own_name, sizeof own_name, "floating-ip-%lld",
		(long long)ip->id);
	json_put_text(body, "name", name ? name : own_name);
	json_put_text(body, "type", type);
	json_put_text(body, "ip", address);
	json_put(body, "labels", labels);
	json_put(body, "home_location", json_object_get(home->body));
	return ip;
}

static struct plan assigning(
	struct resource *ip, struct resource *server, const char *command)
{
	return (struct plan){
		.command = command,
		.seconds = 1,
		.subject = ip,
		.other = server,
	};
}

bool create_floating_ip(struct call *call)
{
	static const char *const types[] = {"ipv4", "ipv6", NULL};
	struct fields in = fields_of(call);
	const char *type = want_word(&in, "type", types);
	const char *name = json_at(in.at, "name")
				   ? want_name(&in, KIND_FLOATING_IP)
				   : NULL;
	const char *description = may_text(&in, "description", NULL);
	struct resource *server =
		json_at(in.at, "server")
			? want_reference(&in, "server", KIND_SERVER)
			: NULL;
	struct resource *home = home_of(&in, server);
	struct json_object *labels = may_labels(&in);

	if (call->refused || !require_quota(call, KIND_FLOATING_IP)) {
		json_object_put(labels);
		return false;
	}

	struct resource *ip =
		floating_ip_new(call->project, name, type, home, labels);

	json_put_text(ip->body, "description", description);
	ip->holder = server ? server->id : 0;
	answer(call, 201, "floating_ip", resource_view(call->project, ip));
	if (server) {
		const struct plan plan =
			assigning(ip, server, "assign_floating_ip");

		answer_add(call, "action",
			resource_view(call->project,
				action_start(call->project, &plan)));
	}
	return true;
}

bool update_floating_ip(struct call *call)
{
	struct fields in = fields_of(call);
	const char *description = may_text(&in, "description", NULL);

	if (!call->refused && json_at(in.at, "description"))
		json_put_text(call->self->body, "description", description);
	return update_resource(call);
}

bool delete_floating_ip(struct call *call)
{
	if (!require_unprotected(call) ||
		!require_idle(call, call->self, "locked"))
		return false;
	if (call->self->holder)
		return refuse(call, "must_be_unassigned",
			"floating IP must be unassigned first");
	resource_remove(call->project, call->self);
	return answer_nothing(call);
}

bool assign_floating_ip(struct call *call)
{
	struct fields in = fields_of(call);
	struct resource *server = want_reference(&in, "server", KIND_SERVER);

	if (!server || !require_idle(call, call->self, "locked"))
		return false;
	if (call->self->holder)
		return refuse(call, "floating_ip_assigned",
			"floating IP is already assigned");
	call->self->holder = server->id;

	const struct plan plan =
		assigning(call->self, server, "assign_floating_ip");

	return act(call, &plan);
}

bool unassign_floating_ip(struct call *call)
{
	struct resource *server =
		resource_find(call->project, KIND_SERVER, call->self->holder);

	if (!require_idle(call, call->self, "locked"))
		return false;
	if (!server)
		return refuse(call, "floating_ip_not_assigned",
			"floating IP is not assigned");
	call->self->holder = 0;

	const struct plan plan =
		assigning(call->self, server, "unassign_floating_ip");

	return act(call, &plan);
}
