/* Leases of the nodes: who is alive renews its own all the time. */
#include "api.h"

#include <string.h>

static struct json_object *view(
	const struct cluster *cluster, const struct node *node)
{
	struct json_object *view = api_object("Lease", "coordination.k8s.io/v1",
		node->name, "kube-node-lease");
	struct json_object *spec = json_literal("{'leaseDurationSeconds': 40}");
	char moment[32], renewed[48];

	api_moment(cluster,
		node->gone_ms ? node->gone_ms : cluster->kube->world->now_ms,
		moment);
	snprintf(renewed, sizeof renewed, "%.19s.000000Z", moment);
	json_put_text(spec, "holderIdentity", node->name);
	json_put_text(spec, "renewTime", renewed);
	json_put(view, "spec", spec);
	return view;
}

static struct answer list(const struct cluster *cluster)
{
	struct json_object *items = json_object_new_array();
	struct json_object *body =
		json_literal("{'kind': 'LeaseList', 'metadata': {},"
			     " 'apiVersion': 'coordination.k8s.io/v1'}");

	for (const struct node *n = cluster->nodes; n; n = n->next)
		json_add(items, view(cluster, n));
	json_put(body, "items", items);
	return api_well(body);
}

struct answer leases_answer(struct cluster *cluster,
	const struct request *request, const char *name)
{
	const struct node *node = cluster_node(cluster, name);

	if (strcmp(request->method, "GET") != 0)
		return api_refuse(405, "MethodNotAllowed", "not simulated");
	if (!*name)
		return list(cluster);
	return node ? api_well(view(cluster, node))
		    : api_refuse(404, "NotFound",
			      "leases.coordination.k8s.io \"%s\" not found",
			      name);
}
