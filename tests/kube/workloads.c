/*
 * What runs in kube-system: there as soon as the cluster is, rolled out when
 * the first node can take it, and once more whenever it was changed.
 */
#include "api.h"

#include <string.h>

static const struct kind_of {
	const char *plural, *kind, *name;
} workloads[] = {
	{"deployments", "Deployment", "coredns"},
	{"deployments", "Deployment", "metrics-server"},
	{"deployments", "Deployment", "hcloud-cloud-controller-manager"},
	{"deployments", "Deployment", "hcloud-csi-controller"},
	{"daemonsets", "DaemonSet", "hcloud-csi-node"},
};

bool workload_at(size_t i, struct workload *workload)
{
	if (i >= COUNT(workloads))
		return false;
	workload->name = workloads[i].name;
	workload->per_node = strcmp(workloads[i].kind, "DaemonSet") == 0;
	return true;
}

static const struct kind_of *find(const char *plural, const char *name)
{
	for (size_t i = 0; i < COUNT(workloads); i++)
		if (strcmp(workloads[i].plural, plural) == 0 &&
			strcmp(workloads[i].name, name) == 0)
			return &workloads[i];
	return NULL;
}

/* {"changed_ms", "generation", "annotations"}, NULL as long as it is new. */
static struct json_object *changes_to(
	const struct cluster *cluster, const struct kind_of *what)
{
	return json_at(cluster->workloads, what->name);
}

static int64_t generation_of(
	const struct cluster *cluster, const struct kind_of *what)
{
	const struct json_object *changes = changes_to(cluster, what);

	return changes ? json_number(changes, "generation") : 1;
}

static bool is_rolled_out(
	const struct cluster *cluster, const struct kind_of *what)
{
	int64_t since = cluster_ready_ms(cluster);
	int64_t changed = json_number(changes_to(cluster, what), "changed_ms");

	if (!since)
		return false;
	if (changed > since)
		since = changed;
	return since + cluster_step_ms(cluster) <= cluster->kube->world->now_ms;
}

static void count_nodes(
	const struct cluster *cluster, int64_t *all, int64_t *ready)
{
	*all = *ready = 0;
	for (const struct node *n = cluster->nodes; n; n = n->next) {
		*all += 1;
		*ready += node_is_ready(cluster, n) &&
			  node_is_initialised(cluster, n);
	}
}

static struct json_object *status_of(
	const struct cluster *cluster, const struct kind_of *what)
{
	struct json_object *status = json_object_new_object();
	bool out = is_rolled_out(cluster, what);
	int64_t all, ready;

	json_put_number(
		status, "observedGeneration", generation_of(cluster, what));
	if (strcmp(what->kind, "Deployment") == 0) {
		json_put_number(status, "replicas", 1);
		json_put_number(status, "updatedReplicas", out);
		json_put_number(status, "availableReplicas", out);
		return status;
	}
	count_nodes(cluster, &all, &ready);
	json_put_number(status, "desiredNumberScheduled", all);
	json_put_number(status, "updatedNumberScheduled", all);
	json_put_number(status, "numberAvailable", out ? ready : 0);
	return status;
}

static struct json_object *view(
	const struct cluster *cluster, const struct kind_of *what)
{
	struct json_object *view =
		api_object(what->kind, "apps/v1", what->name, "kube-system");
	struct json_object *spec =
		json_literal("{'template': {'metadata': {'annotations': {}}}}");
	struct json_object *template =
		json_at(json_at(spec, "template"), "metadata");
	struct json_object *annotations =
		json_at(changes_to(cluster, what), "annotations");
	char moment[32];

	api_moment(cluster, cluster->alive_ms, moment);
	json_put_text(json_at(view, "metadata"), "creationTimestamp", moment);
	json_put_number(json_at(view, "metadata"), "generation",
		generation_of(cluster, what));
	if (annotations)
		json_put(template, "annotations", json_copy(annotations));
	if (strcmp(what->kind, "Deployment") == 0)
		json_put_number(spec, "replicas", 1);
	json_put(view, "spec", spec);
	json_put(view, "status", status_of(cluster, what));
	return view;
}

static struct answer list(const struct cluster *cluster, const char *plural)
{
	struct json_object *items = json_object_new_array();
	struct json_object *body =
		json_literal("{'apiVersion': 'apps/v1', 'metadata': {}}");

	for (size_t i = 0; i < COUNT(workloads); i++)
		if (strcmp(workloads[i].plural, plural) == 0)
			json_add(items, view(cluster, &workloads[i]));
	json_put_text(body, "kind",
		strcmp(plural, "deployments") == 0 ? "DeploymentList"
						   : "DaemonSetList");
	json_put(body, "items", items);
	return api_well(body);
}

/* A merge patch of the pods' annotations, which is how they are restarted. */
static struct answer change(struct cluster *cluster,
	const struct request *request, const struct kind_of *what)
{
	struct json_object *patch = json_tokener_parse(request->body);
	struct json_object *annotations =
		json_at(json_at(json_at(json_at(patch, "spec"), "template"),
				"metadata"),
			"annotations");
	struct json_object *before =
		json_at(changes_to(cluster, what), "annotations");

	if (!annotations) {
		json_object_put(patch);
		return api_refuse(400, "BadRequest",
			"only annotations of pods are simulated");
	}
	if (!before || !json_object_equal(before, annotations)) {
		struct json_object *changes = json_object_new_object();

		json_put_number(changes, "generation",
			generation_of(cluster, what) + 1);
		json_put_number(
			changes, "changed_ms", cluster->kube->world->now_ms);
		json_put(changes, "annotations", json_copy(annotations));
		json_put(cluster->workloads, what->name, changes);
	}
	json_object_put(patch);
	return api_well(view(cluster, what));
}

struct answer workloads_answer(struct cluster *cluster,
	const struct request *request, const char *plural, const char *name)
{
	const struct kind_of *what = find(plural, name);

	if (!*name)
		return list(cluster, plural);
	if (!what)
		return api_refuse(404, "NotFound", "%s.apps \"%s\" not found",
			plural, name);
	if (strcmp(request->method, "PATCH") == 0)
		return change(cluster, request, what);
	if (strcmp(request->method, "GET") != 0)
		return api_refuse(405, "MethodNotAllowed", "not simulated");
	return api_well(view(cluster, what));
}
