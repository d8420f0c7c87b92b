/*
 * Joined: what the cluster's own API says. Every server that was made is a
 * node, ready, and known to the cloud controller: that proves gateway,
 * download, join, etcd and token at once; and what every cluster stands on
 * runs. The cluster is its customer's: what it says of servers that are not
 * ours counts nothing, and the names told to people are our own.
 */
#include "parts.h"

#include <string.h>

/* k3s makes the first, our charts the others. */
static const struct workload workloads[] = {
	{"deployments", "coredns"},
	{"deployments", "hcloud-csi-controller"},
	{"daemonsets", "hcloud-csi-node"},
};

static enum verdict unanswered(struct facts *facts, struct err *err)
{
	return ready_wait(facts,
		"the load balancer finds the API healthy, but it does not "
		"answer",
		err);
}

/* ---- nodes ---- */

bool nodes_met(const struct facts *facts)
{
	return facts->memory.complete;
}

bool nodes_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const char *server = facts_server(facts, err);
	const char *next = facts->memory.next_nodes;

	if (!server)
		return false;
	kubernetes_ask_nodes(
		&ask->request, facts->arena, server, next ? next : "");
	return true;
}

static bool is_node(const struct resource *resource)
{
	return resource->kind == RESOURCE_SERVER &&
	       (strcmp(resource->phase, "control_plane") == 0 ||
		       strcmp(resource->phase, "worker") == 0);
}

/* "2 of 5 nodes are ready; waiting for shop-1a2b3c4d-worker-1"; NULL: all. */
static const char *lacking(const struct facts *facts)
{
	const char *missing = NULL;
	int all = 0, good = 0;

	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct fact_resource *fact = &facts->resources[i];
		if (fact->change == CHANGE_REMOVE || !is_node(&fact->resource))
			continue;
		all++;
		if (found_has(&facts->memory.joined, fact->resource.id))
			good++;
		else if (!missing)
			missing = fact->resource.name;
	}
	if (!missing)
		return NULL;
	const char *text = arena_format(facts->arena,
		"%d of %d nodes are ready; waiting for %s", good, all, missing);
	return all - good == 1 ? text
			       : arena_format(facts->arena, "%s and %d more",
					 text, all - good - 1);
}

static void note_good(struct facts *facts, const struct node_page *page)
{
	for (size_t i = 0; i < page->count; i++)
		if (page->nodes[i].ready && page->nodes[i].initialised &&
			page->nodes[i].server)
			found_add(facts->arena, &facts->memory.joined,
				page->nodes[i].server, "");
}

enum verdict nodes_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct node_page page;

	if (reply->class != REPLY_OK || !kubernetes_read_nodes(reply, &page))
		return unanswered(facts, err);
	note_good(facts, &page);
	if (*page.next && ++facts->memory.node_pages < NODE_PAGES_MOST) {
		facts->memory.next_nodes =
			arena_copy_text(facts->arena, page.next);
		return VERDICT_NEXT;
	}
	const char *lacks = lacking(facts);
	if (lacks)
		return ready_wait(facts, lacks, err);
	facts->memory.complete = true;
	return VERDICT_NEXT;
}

/* ---- system: what is needed for names and volumes ---- */

bool system_met(const struct facts *facts)
{
	return facts->memory.rolled_out == COUNT(workloads);
}

bool system_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const char *server = facts_server(facts, err);

	if (!server)
		return false;
	kubernetes_ask_workload(&ask->request, facts->arena, server,
		&workloads[facts->memory.rolled_out]);
	return true;
}

/* What is not there has not been made yet. */
enum verdict system_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	const struct workload *workload = &workloads[facts->memory.rolled_out];

	if (reply->class != REPLY_OK && reply->class != REPLY_NOT_FOUND)
		return unanswered(facts, err);
	if (reply->class == REPLY_OK && kubernetes_rolled_out(reply)) {
		facts->memory.rolled_out++;
		return VERDICT_NEXT;
	}
	return ready_wait(facts,
		arena_format(facts->arena,
			"all nodes are ready; waiting for kube-system/%s",
			workload->name),
		err);
}
