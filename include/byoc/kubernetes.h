/*
 * Requests to the Kubernetes API of a customer's cluster and what is read of
 * its replies, as values: no I/O. The customer has root there, so whatever it
 * answers may be made to harm: it is read in one pass that keeps nothing, and
 * nothing of its text is handed on but numbers, truths and the token of a next
 * page. Sources: Kubernetes' API reference ("Node", "Deployment", "DaemonSet",
 * "Retrieving large results sets in chunks").
 */
#pragma once

#include <byoc/hetzner.h>

enum {
	NODE_PAGE = 20, /* so many nodes with all they carry fit an answer */
	NODE_PAGES_MOST = 16,
	CONTINUE_SIZE = 513,
};

struct node {
	int64_t server; /* Hetzner's id of it, from its provider id; 0: none */
	bool ready;     /* its kubelet says so */
	bool initialised; /* the cloud controller has seen to it */
};

struct node_page {
	struct node nodes[NODE_PAGE];
	size_t count;
	char next[CONTINUE_SIZE]; /* token of the next page; "": the last */
};

/* What a deployment or a daemon set is about. */
struct workload {
	const char *plural; /* "deployments", "daemonsets" */
	const char *name;   /* in kube-system */
};

/* "https://203.0.113.7:6443", in the arena. */
const char *kubernetes_server(struct arena *arena, const char *address);

/* A page of nodes; `next` is the token of that page, "" for the first. */
void kubernetes_ask_nodes(struct request *request, struct arena *arena,
	const char *server, const char *next);
/* False: the reply is no list of nodes. Nodes beyond a page are left out. */
bool kubernetes_read_nodes(const struct reply *reply, struct node_page *page);

/* Deletes a node's object, and with it its member of etcd. */
void kubernetes_delete_node(struct request *request, struct arena *arena,
	const char *server, const char *name);

void kubernetes_ask_workload(struct request *request, struct arena *arena,
	const char *server, const struct workload *workload);
/* Does all of it run, as it was last asked for? */
bool kubernetes_rolled_out(const struct reply *reply);
