/*
 * A cluster, as its servers' user data makes it. Time alone moves it: what is
 * true of it is worked out when somebody looks (cluster_turn).
 */
#ifndef KUBE_CLUSTER_H
#define KUBE_CLUSTER_H

#include "kube.h"

/* What a server's user data says about its place in a cluster. */
struct intent {
	char hash[65]; /* of the authority: which cluster */
	bool control_plane;
	bool begins; /* may begin the cluster */
	char *version;
	/* Of a control plane only. */
	char *server_ca, *server_key, *client_ca;
	struct json_object *names; /* what its certificate is for */
	char *token;               /* of the Secret, if it begins */
};

/* False: it is about no cluster. */
bool intent_read(const char *user_data, struct intent *intent);
void intent_clear(struct intent *intent);

struct member {
	struct member *next;
	int64_t server;
	char *name;
	struct intent intent;
};

struct node {
	struct node *next;
	char *name;
	int64_t server;
	bool control_plane;
	bool unschedulable; /* cordoned */
	int64_t joined_ms;
	int64_t gone_ms; /* its server is gone since then; 0: it is there */
};

struct cluster {
	struct cluster *next;
	struct kube *kube;
	struct project *project;
	char hash[65];
	int64_t balancer;
	struct member *members;
	struct node *nodes;
	int64_t due_ms;   /* its first control plane will have booted then */
	int64_t alive_ms; /* it began; 0: not yet */
	struct json_object *workloads; /* changed: {"coredns": {...}} */
	struct pod *pods;              /* pods.c's own */
	int64_t pod_number;            /* of the newest one */
	struct json_object *budgets;   /* of disruption, as clients made them */
	char *token;                   /* in the Secret hcloud */
	int64_t calls;                 /* answered so far */
	struct door *door;             /* NULL: nobody answers */
};

/* An address that a balancer or a primary IP has, and who listens there. */
struct place {
	struct place *next;
	int64_t holder;
	char address[16];
	int socket; /* bound; -1: it has been handed on */
};

struct kube {
	struct world *world;
	struct cluster *clusters;
	struct place *places;
	uint32_t last_address;
	uint32_t only_address; /* 0: of loopback, each another one */
	int epoll;
	struct json_object *fates; /* decrees about servers */
	const char *api_manner;    /* "silent", "slow" or NULL */
	int64_t api_ms;
};

/* Brings it to the present. */
void cluster_turn(struct cluster *cluster);
void cluster_free(struct cluster *cluster);
/* Where the world reaches its API: at its balancer, or at the gateway that
 * relays there. NULL: nowhere. */
struct place *cluster_place(const struct cluster *cluster);
/* A control plane that has booted, of a cluster that lives? */
bool cluster_served_by(const struct cluster *cluster, int64_t server);

bool node_is_ready(const struct cluster *cluster, const struct node *node);
bool node_is_initialised(
	const struct cluster *cluster, const struct node *node);
struct node *cluster_node(const struct cluster *cluster, const char *name);
void cluster_drop_node(struct cluster *cluster, const char *name);
/* When the cloud controller has seen to the first node; 0: not yet. */
int64_t cluster_ready_ms(const struct cluster *cluster);
/* How long each step of coming up takes. */
int64_t cluster_step_ms(const struct cluster *cluster);

#endif
