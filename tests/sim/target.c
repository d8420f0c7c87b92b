/*
 * The targets of a load balancer and their health. Whom a label selector
 * reaches, and who is healthy, is worked out anew whenever somebody looks.
 */
#include "../kube/kube.h"
#include "label.h"
#include "load_balancer.h"
#include "network.h"
#include "server.h"
#include "small_kinds.h"

#include <string.h>

static int64_t server_of(const struct json_object *target)
{
	return json_number(json_at(target, "server"), "id");
}

static bool reaches(
	const struct json_object *target, const struct resource *server)
{
	struct json_object *selector = json_at(target, "label_selector");

	if (!selector)
		return server_of(target) == server->id;
	return selector_in(selector, json_at(server->body, "labels"));
}

bool load_balancer_targets(
	const struct resource *balancer, const struct resource *server)
{
	const struct json_object *targets = json_at(balancer->body, "targets");

	for (size_t i = 0; i < json_count(targets); i++)
		if (reaches(json_nth(targets, i), server))
			return true;
	return false;
}

void load_balancer_release(struct resource *balancer, int64_t server)
{
	struct json_object *targets = json_at(balancer->body, "targets");

	for (size_t i = json_count(targets); i-- > 0;)
		if (server_of(json_nth(targets, i)) == server)
			json_object_array_del_idx(targets, i, 1);
}

/* Both have a place in the balancer's network, or the server is public. */
static bool is_connected(struct project *project, struct resource *balancer,
	struct resource *server, bool use_private_ip)
{
	const struct attachment *mine = &balancer->nets[0];
	const struct attachment *other;

	if (!use_private_ip)
		return primary_ip_of(project, server->id, "ipv4") != NULL;
	other = attachment_to(server, mine->network);
	return mine->up && other && other->up;
}

/* Is it Kubernetes' API that the check asks, and not just any port? */
static bool asks_kubernetes(const struct resource *balancer)
{
	const struct json_object *service =
		json_nth(json_at(balancer->body, "services"), 0);
	const struct json_object *http =
		json_at(json_at(service, "health_check"), "http");
	const char *path = json_text(http, "path");

	return json_flag(http, "tls") && path && strcmp(path, "/version") == 0;
}

static bool answers(const struct world *world, const struct resource *balancer,
	const struct resource *server)
{
	if (!server_is_up(world, server))
		return false;
	return !world->kube || !asks_kubernetes(balancer) ||
	       kube_server_answers(world->kube, server);
}

/* "unknown" as long as there is no way to ask. */
static const char *health(struct project *project, struct resource *balancer,
	struct resource *server, bool use_private_ip)
{
	if (!is_connected(project, balancer, server, use_private_ip))
		return "unknown";
	return answers(project->world, balancer, server) ? "healthy"
							 : "unhealthy";
}

/* One entry for each service. */
static struct json_object *health_status(
	const struct resource *balancer, const char *status)
{
	const struct json_object *services =
		json_at(balancer->body, "services");
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < json_count(services); i++) {
		struct json_object *entry = json_object_new_object();

		json_put_number(entry, "listen_port",
			json_number(json_nth(services, i), "listen_port"));
		json_put_text(entry, "status", status);
		json_add(list, entry);
	}
	return list;
}

static struct json_object *reached_target(struct project *project,
	struct resource *balancer, struct resource *server, bool use_private_ip)
{
	struct json_object *target = json_literal("{'type': 'server'}");
	struct json_object *reference = json_object_new_object();

	json_put_number(reference, "id", server->id);
	json_put(target, "server", reference);
	json_put_flag(target, "use_private_ip", use_private_ip);
	json_put(target, "health_status",
		health_status(balancer,
			health(project, balancer, server, use_private_ip)));
	return target;
}

static void refresh_selected(struct project *project, struct resource *balancer,
	struct json_object *target)
{
	struct json_object *reached = json_object_new_array();
	struct resource *server;

	shelf_each(shelf_of(project, KIND_SERVER),
		server) if (reaches(target, server))
		json_add(reached, reached_target(project, balancer, server,
					  json_flag(target, "use_private_ip")));
	json_put(target, "targets", reached);
}

static void refresh_direct(struct project *project, struct resource *balancer,
	struct json_object *target)
{
	bool use_private_ip = json_flag(target, "use_private_ip");
	struct resource *server =
		resource_find(project, KIND_SERVER, server_of(target));
	const char *status = "unknown";

	if (server)
		status = health(project, balancer, server, use_private_ip);
	json_put(target, "health_status", health_status(balancer, status));
}

void refresh_targets(struct project *project, struct resource *balancer)
{
	struct json_object *targets = json_at(balancer->body, "targets");

	for (size_t i = 0; i < json_count(targets); i++) {
		struct json_object *target = json_nth(targets, i);

		if (json_at(target, "label_selector"))
			refresh_selected(project, balancer, target);
		else
			refresh_direct(project, balancer, target);
	}
}

/* What tells a target from others of its type. */
static const char *identity(struct json_object *target)
{
	struct json_object *inner = json_at(target, json_text(target, "type"));

	return json_object_to_json_string_ext(inner, JSON_C_TO_STRING_PLAIN);
}

static size_t place_of(
	const struct json_object *targets, struct json_object *wanted)
{
	size_t i = 0;

	while (i < json_count(targets) &&
		strcmp(identity(json_nth(targets, i)), identity(wanted)) != 0)
		i++;
	return i;
}

static bool check_server(struct fields *in, struct resource *server,
	bool use_private_ip, int64_t network)
{
	if (!server)
		return false;
	if (use_private_ip && network && !attachment_to(server, network))
		return refuse(in->call, "server_not_attached_to_network",
			"server is not attached to the network");
	if (!use_private_ip &&
		!primary_ip_of(in->call->project, server->id, "ipv4"))
		return refuse(in->call, "missing_ipv4",
			"server has no public IPv4 address");
	return true;
}

static bool check_selector(struct fields *in, const char *text)
{
	struct selector *selector = text ? selector_parse(text) : NULL;

	if (!selector || !*text)
		refuse_at(in, "selector", "is not a label selector");
	selector_free(selector);
	return !in->call->refused;
}

/* {"server": {"id": …}}, {"label_selector": {…}} or {"ip": {"ip": …}} */
static struct json_object *compose(
	struct fields *in, bool for_use, int64_t network)
{
	static const char *const types[] = {
		"server", "label_selector", "ip", NULL};
	const char *type = want_word(in, "type", types);
	bool use_private_ip = may_flag(in, "use_private_ip", false);
	struct fields inner = fields_in(in, type ? type : "type");
	struct json_object *key = json_object_new_object();
	struct json_object *target = json_object_new_object();

	if (type && strcmp(type, "server") == 0) {
		struct resource *server =
			want_reference(&inner, "id", KIND_SERVER);

		if (for_use)
			check_server(in, server, use_private_ip, network);
		json_put_number(key, "id", server ? server->id : 0);
	} else if (type && strcmp(type, "ip") == 0) {
		json_put_text(key, "ip", want_text(&inner, "ip"));
	} else {
		const char *text = want_text(&inner, "selector");

		check_selector(&inner, text);
		json_put_text(key, "selector", text);
	}
	json_put_text(target, "type", type);
	json_put(target, type ? type : "server", key);
	json_put_flag(target, "use_private_ip", use_private_ip);
	return target;
}

/* The target unless the call is refused. */
static struct json_object *unless_refused(
	struct call *call, struct json_object *target)
{
	if (!call->refused)
		return target;
	json_object_put(target);
	return NULL;
}

struct json_object *read_target(
	struct fields *in, const struct json_object *balancer, int64_t network)
{
	struct json_object *targets = json_at(balancer, "targets");
	int64_t most = json_number(
		json_at(balancer, "load_balancer_type"), "max_targets");
	struct json_object *target = compose(in, true, network);

	if (json_flag(target, "use_private_ip") && !network)
		refuse(in->call, "load_balancer_not_attached_to_network",
			"load balancer is not attached to a network");
	if (!in->call->refused &&
		place_of(targets, target) < json_count(targets))
		refuse(in->call, "target_already_defined",
			"load balancer target is already defined");
	if ((int64_t)json_count(targets) >= most)
		refuse(in->call, "resource_limit_exceeded",
			"load balancer cannot have more than %lld targets",
			(long long)most);
	return unless_refused(in->call, target);
}

static void target_added(struct project *project, struct resource *balancer,
	struct json_object *target)
{
	(void)project;
	json_add(json_at(balancer->body, "targets"), json_object_get(target));
}

static void target_removed(struct project *project, struct resource *balancer,
	struct json_object *target)
{
	struct json_object *targets = json_at(balancer->body, "targets");
	size_t place = place_of(targets, target);

	(void)project;
	if (place < json_count(targets))
		json_object_array_del_idx(targets, place, 1);
}

bool add_target(struct call *call)
{
	struct fields in = fields_of(call);
	struct json_object *target;

	if (!require_idle(call, call->self, "conflict"))
		return false;
	target =
		read_target(&in, call->self->body, call->self->nets[0].network);
	if (!target)
		return false;

	const struct plan plan = {
		.command = "add_target",
		.seconds = 1,
		.subject = call->self,
		.detail = target,
		.effect = target_added,
	};

	return act(call, &plan);
}

bool remove_target(struct call *call)
{
	struct fields in = fields_of(call);
	struct json_object *targets = json_at(call->self->body, "targets");
	struct json_object *target;

	if (!require_idle(call, call->self, "conflict"))
		return false;
	target = unless_refused(call, compose(&in, false, 0));
	if (!target)
		return false;
	if (place_of(targets, target) == json_count(targets)) {
		json_object_put(target);
		return refuse(call, "load_balancer_target_not_found",
			"load balancer target not found");
	}

	const struct plan plan = {
		.command = "remove_target",
		.seconds = 1,
		.subject = call->self,
		.detail = target,
		.effect = target_removed,
	};

	return act(call, &plan);
}
