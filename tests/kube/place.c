/*
 * Where the world reaches a cluster's API: at its balancer, if that has a
 * public interface, else at the gateway whose user data says that it relays to
 * the balancer, and whose firewall lets such connections in.
 */
#include "../sim/address.h"
#include "../sim/firewall.h"
#include "../sim/small_kinds.h"
#include "cluster.h"

#include <string.h>

#define API_PORT "6443"

static struct place *place_of(const struct kube *kube, int64_t holder)
{
	struct place *place = kube->places;

	while (place && place->holder != holder)
		place = place->next;
	return place;
}

static bool lets_in(const struct resource *firewall)
{
	const struct json_object *rules = json_at(firewall->body, "rules");

	for (size_t i = 0; i < json_count(rules); i++) {
		const char *port = json_text(json_nth(rules, i), "port");

		if (port && strcmp(port, API_PORT) == 0)
			return true;
	}
	return false;
}

static bool is_let_in(struct project *project, const struct resource *server)
{
	struct resource *firewall;

	shelf_each(shelf_of(project, KIND_FIREWALL), firewall)
	{
		if (firewall_covers(project, firewall, server))
			return lets_in(firewall);
	}
	return true;
}

static bool relays_to(const struct resource *server, const char *address)
{
	const char *user_data = json_text(server->hidden, "user_data");
	const char *unit = "/usr/local/sbin/mengi-nat-gateway ";
	const char *line = user_data ? strstr(user_data, unit) : NULL;

	if (!line)
		return false;
	line += strlen(unit);
	line += strcspn(line, " \n");
	return *line == ' ' &&
	       strncmp(line + 1, address, strlen(address)) == 0 &&
	       line[1 + strlen(address)] == '\n';
}

static struct place *relaying_gateway(
	const struct cluster *cluster, const struct resource *balancer)
{
	const struct attachment *at = &balancer->nets[0];
	struct resource *server;
	char address[16];

	address_text(at->address, address);
	shelf_each(shelf_of(cluster->project, KIND_SERVER), server)
	{
		struct resource *ip =
			primary_ip_of(cluster->project, server->id, "ipv4");

		if (ip && attachment_to(server, at->network) &&
			relays_to(server, address) &&
			is_let_in(cluster->project, server))
			return place_of(cluster->kube, ip->id);
	}
	return NULL;
}

struct place *cluster_place(const struct cluster *cluster)
{
	struct resource *balancer = resource_find(
		cluster->project, KIND_LOAD_BALANCER, cluster->balancer);

	if (!balancer)
		return NULL;
	if (json_flag(json_at(balancer->body, "public_net"), "enabled"))
		return place_of(cluster->kube, balancer->id);
	return relaying_gateway(cluster, balancer);
}
