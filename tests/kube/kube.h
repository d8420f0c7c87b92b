/*
 * The Kubernetes API of the clusters that live in the simulation: what
 * hcloud-sim knows of them. It is told what happens to servers and balancers
 * and has its own turn in the loop; nothing else of the simulation depends on
 * it, and without --clusters there is none (world->kube is NULL).
 */
#ifndef KUBE_H
#define KUBE_H

#include "../sim/world.h"

struct kube *kube_new(struct world *world);
/* Every address is that of `host`, a name or an IPv4 address, so that there is
 * one cluster at a time. False: there is none of that name. */
bool kube_stay_at(struct kube *kube, const char *host);
/* To be called while the world still stands. Takes NULL. */
void kube_free(struct kube *kube);

/* An address of loopback that nobody else listens on: a balancer's or a primary
 * IP's. */
void kube_take_address(
	struct kube *kube, const struct resource *holder, char address[16]);
/* A balancer or a primary IP goes. */
void kube_holder_leaves(struct kube *kube, const struct resource *holder);

/* The server runs, and will have booted at until_ms. */
void kube_server_runs(
	struct kube *kube, struct project *project, struct resource *server);
void kube_server_leaves(struct kube *kube, const struct resource *server);
/* Does a Kubernetes API answer on it? */
bool kube_server_answers(struct kube *kube, const struct resource *server);

/* The loop: like those of http.h. */
int kube_fd(const struct kube *kube);
int kube_timeout_ms(const struct kube *kube);
void kube_turn(struct kube *kube);

/*
 * Trouble on demand, until it is forgiven:
 *	{"server": "*-worker-1", "fate": "absent" | "not_ready" |
 *	 "uninitialised"}
 *	{"api": "silent" | "slow", "ms": 300}
 * False: it makes no sense.
 */
bool kube_decree(struct kube *kube, struct json_object *decree);
void kube_forgive(struct kube *kube);
/* [{"address", "nodes": ["name", ...], "token", "calls"}] */
struct json_object *kube_view(struct kube *kube);

#endif
