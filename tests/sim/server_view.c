/* What a server shows of others: its addresses, networks and companions. */
#include "address.h"
#include "firewall.h"
#include "load_balancer.h"
#include "refresh.h"
#include "server.h"
#include "small_kinds.h"

#include <string.h>

bool server_is_public(struct project *project, const struct resource *server)
{
	return primary_ip_of(project, server->id, "ipv4") ||
	       primary_ip_of(project, server->id, "ipv6");
}

bool server_is_up(const struct world *world, const struct resource *server)
{
	return strcmp(json_text(server->body, "status"), "running") == 0 &&
	       world->now_ms >= server->until_ms;
}

static struct json_object *private_nets(const struct resource *server)
{
	struct json_object *nets = json_object_new_array();

	for (size_t i = 0; i < MAX_NETS; i++) {
		const struct attachment *at = &server->nets[i];
		struct json_object *net;
		char text[24];

		if (!at->up)
			continue;
		net = json_object_new_object();
		json_put_number(net, "network", at->network);
		json_put_text(net, "ip", address_text(at->address, text));
		json_put(net, "alias_ips",
			at->alias_ips ? json_object_get(at->alias_ips)
				      : json_object_new_array());
		snprintf(text, sizeof text, "86:00:%02x:%02x:%02x:%02x",
			at->address >> 24, at->address >> 16 & 0xff,
			at->address >> 8 & 0xff, at->address & 0xff);
		json_put_text(net, "mac_address", text);
		json_add(nets, net);
	}
	return nets;
}

/* NULL, which is shown as null, when there is none. */
static struct json_object *public_ip(struct project *project,
	const struct resource *server, const char *type)
{
	const struct resource *ip = primary_ip_of(project, server->id, type);
	struct json_object *view, *pointers;

	if (!ip)
		return NULL;
	view = json_object_new_object();
	pointers = json_at(ip->body, "dns_ptr");
	json_put_number(view, "id", ip->id);
	json_put_text(view, "ip", json_text(ip->body, "ip"));
	json_put_flag(view, "blocked", false);
	/* IPv4 has one name, IPv6 a list of them. */
	if (json_count(pointers))
		json_put_text(view, "dns_ptr",
			json_text(json_nth(pointers, 0), "dns_ptr"));
	else
		json_put(view, "dns_ptr", json_object_get(pointers));
	return view;
}

static struct json_object *firewalls(
	struct project *project, const struct resource *server)
{
	struct json_object *views = json_object_new_array();
	struct resource *firewall;

	shelf_each(shelf_of(project, KIND_FIREWALL), firewall)
	{
		struct json_object *view;

		if (!firewall_covers(project, firewall, server))
			continue;
		view = json_object_new_object();
		json_put_number(view, "id", firewall->id);
		json_put_text(
			view, "status", firewall->busy ? "pending" : "applied");
		json_add(views, view);
	}
	return views;
}

/* Volumes, or floating IPs. */
static struct json_object *held(
	struct project *project, enum kind kind, int64_t server)
{
	struct json_object *ids = json_object_new_array();
	struct resource *other;

	shelf_each(shelf_of(project, kind), other) if (other->holder == server)
		json_add_number(ids, other->id);
	return ids;
}

static struct json_object *public_net(
	struct project *project, const struct resource *server)
{
	struct json_object *net = json_object_new_object();

	json_put(net, "ipv4", public_ip(project, server, "ipv4"));
	json_put(net, "ipv6", public_ip(project, server, "ipv6"));
	json_put(net, "floating_ips",
		held(project, KIND_FLOATING_IP, server->id));
	json_put(net, "firewalls", firewalls(project, server));
	return net;
}

static struct json_object *load_balancers(
	struct project *project, const struct resource *server)
{
	struct json_object *ids = json_object_new_array();
	struct resource *balancer;

	shelf_each(shelf_of(project, KIND_LOAD_BALANCER),
		balancer) if (load_balancer_targets(balancer, server))
		json_add_number(ids, balancer->id);
	return ids;
}

void server_refresh(struct project *project, struct resource *server)
{
	struct json_object *body = server->body;
	struct resource *group =
		resource_find(project, KIND_PLACEMENT_GROUP, server->holder);

	json_put_flag(body, "locked", server->busy > 0);
	json_put(body, "private_net", private_nets(server));
	json_put(body, "public_net", public_net(project, server));
	json_put(body, "volumes", held(project, KIND_VOLUME, server->id));
	json_put(body, "load_balancers", load_balancers(project, server));
	json_put(body, "placement_group",
		group ? resource_view(project, group) : NULL);
}
