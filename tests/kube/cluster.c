/*
 * How a cluster comes up: a control plane that may begins it, once it has
 * booted; the others join, if they know its authority and no node has their
 * name; each becomes ready, and then the cloud controller sees to it. A node
 * whose server is gone is taken away by the cloud controller.
 */
#include "cluster.h"
#include "../sim/memory.h"
#include "door.h"
#include "pods.h"

#include <fnmatch.h>

#define STEPS_PER_BOOT 20

int64_t cluster_step_ms(const struct cluster *cluster)
{
	const struct world *world = cluster->kube->world;

	return world_ms(world, world->boot_seconds / STEPS_PER_BOOT);
}

/* Since when the server has booted; 0: it is not up. */
static int64_t up_since(const struct cluster *cluster, int64_t id)
{
	const struct world *world = cluster->kube->world;
	struct resource *server =
		resource_find(cluster->project, KIND_SERVER, id);

	if (!server ||
		strcmp(json_text(server->body, "status"), "running") != 0 ||
		world->now_ms < server->until_ms)
		return 0;
	return server->until_ms;
}

static bool is_fated(
	const struct cluster *cluster, const char *name, const char *fate)
{
	const struct json_object *fates = cluster->kube->fates;

	for (size_t i = 0; i < json_count(fates); i++) {
		const struct json_object *decree = json_nth(fates, i);

		if (fnmatch(json_text(decree, "server"), name, 0) == 0 &&
			strcmp(json_text(decree, "fate"), fate) == 0)
			return true;
	}
	return false;
}

struct node *cluster_node(const struct cluster *cluster, const char *name)
{
	struct node *node = cluster->nodes;

	while (node && strcmp(node->name, name) != 0)
		node = node->next;
	return node;
}

static void begin(struct cluster *cluster)
{
	for (struct member *m = cluster->members; m; m = m->next) {
		int64_t up = up_since(cluster, m->server);

		if (!up || !m->intent.begins || cluster->alive_ms)
			continue;
		cluster->alive_ms = up + cluster_step_ms(cluster);
		cluster->token =
			must_strdup(m->intent.token ? m->intent.token : "");
	}
}

static void join(struct cluster *cluster, const struct member *member)
{
	int64_t joined = up_since(cluster, member->server);

	if (!joined || cluster_node(cluster, member->name) ||
		is_fated(cluster, member->name, "absent"))
		return;
	if (joined < cluster->alive_ms)
		joined = cluster->alive_ms;
	joined += cluster_step_ms(cluster);
	if (joined > cluster->kube->world->now_ms)
		return;

	struct node *node = must_calloc(1, sizeof *node);
	struct node **end = &cluster->nodes;

	/* In the order of names, as etcd has them. */
	while (*end && strcmp((*end)->name, member->name) < 0)
		end = &(*end)->next;
	node->name = must_strdup(member->name);
	node->server = member->server;
	node->control_plane = member->intent.control_plane;
	node->joined_ms = joined;
	node->next = *end;
	*end = node;
}

static void node_free(struct node *node)
{
	free(node->name);
	free(node);
}

void cluster_drop_node(struct cluster *cluster, const char *name)
{
	for (struct node **at = &cluster->nodes; *at; at = &(*at)->next)
		if (strcmp((*at)->name, name) == 0) {
			struct node *node = *at;

			*at = node->next;
			node_free(node);
			return;
		}
}

/* The cloud controller's: what Hetzner does not know is no node. */
static void forget_gone(struct cluster *cluster)
{
	int64_t now = cluster->kube->world->now_ms;
	int64_t step = cluster_step_ms(cluster);

	for (struct node *n = cluster->nodes, *next; n; n = next) {
		next = n->next;
		if (n->gone_ms && n->gone_ms + step <= now)
			cluster_drop_node(cluster, n->name);
	}
}

bool cluster_served_by(const struct cluster *cluster, int64_t server)
{
	int64_t now = cluster->kube->world->now_ms;

	if (!cluster->alive_ms || cluster->alive_ms > now)
		return false;
	for (const struct member *m = cluster->members; m; m = m->next)
		if (m->server == server)
			return m->intent.control_plane &&
			       up_since(cluster, server);
	return false;
}

/* Whose certificate its door shows. */
static const struct member *server_of(const struct cluster *cluster)
{
	const struct member *member = cluster->members;

	while (member && !cluster_served_by(cluster, member->server))
		member = member->next;
	return member;
}

void cluster_turn(struct cluster *cluster)
{
	begin(cluster);
	if (!cluster->alive_ms)
		return;
	for (struct member *m = cluster->members; m; m = m->next)
		join(cluster, m);
	forget_gone(cluster);

	const struct member *server = server_of(cluster);

	if (server && !cluster->door)
		cluster->door = door_open(cluster, &server->intent);
}

bool node_is_ready(const struct cluster *cluster, const struct node *node)
{
	return node->joined_ms + cluster_step_ms(cluster) <=
		       cluster->kube->world->now_ms &&
	       up_since(cluster, node->server) &&
	       !is_fated(cluster, node->name, "not_ready");
}

static int64_t initialised_ms(
	const struct cluster *cluster, const struct node *node)
{
	return node->joined_ms + 2 * cluster_step_ms(cluster);
}

bool node_is_initialised(const struct cluster *cluster, const struct node *node)
{
	return initialised_ms(cluster, node) <= cluster->kube->world->now_ms &&
	       !is_fated(cluster, node->name, "uninitialised");
}

int64_t cluster_ready_ms(const struct cluster *cluster)
{
	int64_t first = 0;

	for (const struct node *n = cluster->nodes; n; n = n->next) {
		int64_t at = initialised_ms(cluster, n);

		if (node_is_initialised(cluster, n) && (!first || at < first))
			first = at;
	}
	return first;
}

static void member_free(struct member *member)
{
	intent_clear(&member->intent);
	free(member->name);
	free(member);
}

void cluster_free(struct cluster *cluster)
{
	door_close(cluster->door);
	while (cluster->members) {
		struct member *member = cluster->members;

		cluster->members = member->next;
		member_free(member);
	}
	while (cluster->nodes) {
		struct node *node = cluster->nodes;

		cluster->nodes = node->next;
		node_free(node);
	}
	json_object_put(cluster->workloads);
	json_object_put(cluster->budgets);
	pods_free(cluster);
	free(cluster->token);
	free(cluster);
}
