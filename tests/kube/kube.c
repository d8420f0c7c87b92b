/*
 * All clusters of the simulation, and the addresses of its balancers. Each has
 * one of loopback for itself, so that all can listen on port 6443.
 */
#include "../sim/load_balancer.h"
#include "../sim/memory.h"
#include "cluster.h"
#include "door.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define API_PORT 6443
#define DOORS_A_TURN 64

struct kube *kube_new(struct world *world)
{
	struct kube *kube = must_calloc(1, sizeof *kube);

	kube->world = world;
	kube->fates = json_object_new_array();
	kube->epoll = epoll_create1(EPOLL_CLOEXEC);
	/* Others may do the same on this machine: each begins elsewhere. */
	kube->last_address = (uint32_t)getpid() * 2654435761u;
	return kube;
}

bool kube_stay_at(struct kube *kube, const char *host)
{
	const struct addrinfo hints = {
		.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;

	if (getaddrinfo(host, NULL, &hints, &found))
		return false;
	struct sockaddr_in where;
	memcpy(&where, found->ai_addr, sizeof where);
	kube->only_address = ntohl(where.sin_addr.s_addr);
	freeaddrinfo(found);
	return true;
}

void kube_free(struct kube *kube)
{
	if (!kube)
		return;
	while (kube->places) {
		struct place *place = kube->places;

		kube->places = place->next;
		if (place->socket >= 0)
			close(place->socket);
		free(place);
	}
	while (kube->clusters) {
		struct cluster *cluster = kube->clusters;

		kube->clusters = cluster->next;
		cluster_free(cluster);
	}
	json_object_put(kube->fates);
	close(kube->epoll);
	free(kube);
}

/* ---- Addresses ---- */

/* Bound, and not listened on: connections are refused until a door opens. */
static int bind_at(uint32_t address, bool shared)
{
	struct sockaddr_in where = {.sin_family = AF_INET,
		.sin_port = htons(API_PORT),
		.sin_addr.s_addr = htonl(address)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	const int on = shared;
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&where, sizeof where) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* 127.1.0.1 and up; no address ends in 0 or 255. */
static uint32_t next_address(struct kube *kube)
{
	uint32_t low;

	if (kube->only_address)
		return kube->only_address;
	do
		low = ++kube->last_address & 0xffffff;
	while (low < 0x10000 || (low & 0xff) == 0 || (low & 0xff) == 0xff);
	return 0x7f000000u | low;
}

void kube_take_address(
	struct kube *kube, const struct resource *holder, char text[16])
{
	struct place *place = must_calloc(1, sizeof *place);
	struct in_addr address;
	int tries = 0;

	place->socket = -1;
	while (place->socket < 0) {
		if (++tries > 1000)
			give_up("no address is free for a balancer");
		address.s_addr = htonl(next_address(kube));
		place->socket =
			bind_at(ntohl(address.s_addr), kube->only_address != 0);
	}
	inet_ntop(AF_INET, &address, place->address, sizeof place->address);
	memcpy(text, place->address, sizeof place->address);
	place->holder = holder->id;
	place->next = kube->places;
	kube->places = place;
}

/* ---- What happens in the simulation ---- */

static struct cluster *cluster_with(
	struct kube *kube, struct project *project, const char *hash)
{
	struct cluster *cluster = kube->clusters;

	while (cluster && strcmp(cluster->hash, hash) != 0)
		cluster = cluster->next;
	if (cluster)
		return cluster;
	cluster = must_calloc(1, sizeof *cluster);
	cluster->kube = kube;
	cluster->project = project;
	cluster->workloads = json_object_new_object();
	cluster->budgets = json_object_new_array();
	snprintf(cluster->hash, sizeof cluster->hash, "%s", hash);
	cluster->next = kube->clusters;
	return kube->clusters = cluster;
}

/* The balancer in front of a control plane. */
static int64_t balancer_before(
	struct project *project, const struct resource *server)
{
	struct resource *balancer;

	shelf_each(shelf_of(project, KIND_LOAD_BALANCER), balancer)
	{
		const struct json_object *services =
			json_at(balancer->body, "services");

		if (json_number(json_nth(services, 0), "listen_port") ==
				API_PORT &&
			load_balancer_targets(balancer, server))
			return balancer->id;
	}
	return 0;
}

void kube_server_runs(
	struct kube *kube, struct project *project, struct resource *server)
{
	struct intent intent;
	struct member *member;

	if (!intent_read(json_text(server->hidden, "user_data"), &intent))
		return;
	struct cluster *cluster = cluster_with(kube, project, intent.hash);

	for (member = cluster->members; member; member = member->next)
		if (member->server == server->id) { /* it was rebooted */
			intent_clear(&intent);
			return;
		}
	if (intent.control_plane && !cluster->balancer)
		cluster->balancer = balancer_before(project, server);
	member = must_calloc(1, sizeof *member);
	member->server = server->id;
	member->name = must_strdup(resource_name(server));
	member->intent = intent;
	member->next = cluster->members;
	cluster->members = member;
	cluster->due_ms = server->until_ms + cluster_step_ms(cluster);
}

static void leave(struct cluster *cluster, int64_t server)
{
	for (struct node *n = cluster->nodes; n; n = n->next)
		if (n->server == server)
			n->gone_ms = cluster->kube->world->now_ms;
	for (struct member **at = &cluster->members; *at; at = &(*at)->next)
		if ((*at)->server == server) {
			struct member *member = *at;

			*at = member->next;
			intent_clear(&member->intent);
			free(member->name);
			free(member);
			return;
		}
}

void kube_server_leaves(struct kube *kube, const struct resource *server)
{
	for (struct cluster *c = kube->clusters; c; c = c->next)
		leave(c, server->id);
}

bool kube_server_answers(struct kube *kube, const struct resource *server)
{
	for (struct cluster *c = kube->clusters; c; c = c->next)
		for (struct member *m = c->members; m; m = m->next)
			if (m->server == server->id) {
				cluster_turn(c);
				return cluster_served_by(c, server->id);
			}
	return false;
}

/* The way into a cluster goes with its balancer. */
void kube_holder_leaves(struct kube *kube, const struct resource *holder)
{
	for (struct place **at = &kube->places; *at; at = &(*at)->next)
		if ((*at)->holder == holder->id) {
			struct place *place = *at;

			*at = place->next;
			if (place->socket >= 0)
				close(place->socket);
			free(place);
			break;
		}
	for (struct cluster **at = &kube->clusters; *at; at = &(*at)->next)
		if ((*at)->balancer == holder->id) {
			struct cluster *cluster = *at;

			*at = cluster->next;
			cluster_free(cluster);
			return;
		}
}

/* ---- The loop ---- */

int kube_fd(const struct kube *kube)
{
	return kube->epoll;
}

int kube_timeout_ms(const struct kube *kube)
{
	int least = -1;

	for (struct cluster *c = kube->clusters; c; c = c->next) {
		int ms = c->door ? door_timeout_ms(c->door) : -1;

		if (ms >= 0 && (least < 0 || ms < least))
			least = ms;
	}
	return least;
}

void kube_turn(struct kube *kube)
{
	struct epoll_event events[DOORS_A_TURN];

	for (struct cluster *c = kube->clusters; c; c = c->next) {
		if (!c->door && c->due_ms && c->due_ms <= kube->world->now_ms)
			cluster_turn(c);
		if (c->door && door_timeout_ms(c->door) == 0)
			door_turn(c->door);
	}
	int count = epoll_wait(kube->epoll, events, DOORS_A_TURN, 0);
	for (int i = 0; i < count; i++)
		door_turn(events[i].data.ptr);
}

/* ---- Trouble on demand ---- */

bool kube_decree(struct kube *kube, struct json_object *decree)
{
	static const char *const fates[] = {
		"absent", "not_ready", "uninitialised"};
	static const char *const manners[] = {"silent", "slow"};
	const char *fate = json_text(decree, "fate");
	const char *manner = json_text(decree, "api");

	for (size_t i = 0; i < COUNT(fates); i++)
		if (fate && json_text(decree, "server") &&
			strcmp(fate, fates[i]) == 0) {
			json_add(kube->fates, json_copy(decree));
			return true;
		}
	for (size_t i = 0; i < COUNT(manners); i++)
		if (manner && strcmp(manner, manners[i]) == 0) {
			kube->api_manner = manners[i];
			kube->api_ms = json_number(decree, "ms");
			return true;
		}
	return false;
}

void kube_forgive(struct kube *kube)
{
	json_object_put(kube->fates);
	kube->fates = json_object_new_array();
	kube->api_manner = NULL;
	for (struct cluster *c = kube->clusters; c; c = c->next)
		if (c->door)
			door_hurry(c->door);
}

struct json_object *kube_view(struct kube *kube)
{
	struct json_object *views = json_object_new_array();

	for (struct cluster *c = kube->clusters; c; c = c->next) {
		struct json_object *view = json_object_new_object();
		struct json_object *nodes = json_object_new_array();

		cluster_turn(c);
		for (struct node *n = c->nodes; n; n = n->next)
			json_add(nodes, json_object_new_string(n->name));
		const struct place *place = cluster_place(c);

		json_put_text(view, "address", place ? place->address : NULL);
		json_put(view, "nodes", nodes);
		json_put_text(view, "token", c->token);
		json_put_number(view, "calls", c->calls);
		json_add(views, view);
	}
	return views;
}
