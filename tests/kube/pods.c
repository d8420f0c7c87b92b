/*
 * Pods of what runs in kube-system: one of each Deployment on a node that takes
 * any, one of each DaemonSet on every node. One that is evicted or deleted
 * comes again elsewhere, if there is an elsewhere.
 */
#include "pods.h"
#include "../sim/memory.h"

#include <string.h>

struct pod {
	struct pod *next;
	char *name, *node; /* node "": none takes it yet */
	const char *app;
	bool per_node;
	int64_t number; /* its uid */
	int64_t placed_ms;
};

static void pod_free(struct pod *pod)
{
	free(pod->name);
	free(pod->node);
	free(pod);
}

void pods_free(struct cluster *cluster)
{
	while (cluster->pods) {
		struct pod *pod = cluster->pods;

		cluster->pods = pod->next;
		pod_free(pod);
	}
}

/* ---- Where they are ---- */

static const char *any_node(const struct cluster *cluster)
{
	for (const struct node *n = cluster->nodes; n; n = n->next)
		if (!n->unschedulable && node_is_ready(cluster, n) &&
			node_is_initialised(cluster, n))
			return n->name;
	return "";
}

static void place_pod(
	struct cluster *cluster, struct pod *pod, const char *node)
{
	free(pod->node);
	pod->node = must_strdup(node);
	pod->placed_ms = cluster->kube->world->now_ms;
}

static bool has_pod(
	const struct cluster *cluster, const char *app, const char *node)
{
	for (const struct pod *p = cluster->pods; p; p = p->next)
		if (strcmp(p->app, app) == 0 &&
			(!node || strcmp(p->node, node) == 0))
			return true;
	return false;
}

static void add_pod(
	struct cluster *cluster, const struct workload *of, const char *node)
{
	struct pod *pod = must_calloc(1, sizeof *pod);
	char name[96];

	pod->number = ++cluster->pod_number;
	snprintf(name, sizeof name, "%s-%05lld", of->name,
		(long long)pod->number);
	pod->name = must_strdup(name);
	pod->app = of->name;
	pod->per_node = of->per_node;
	place_pod(cluster, pod, node);
	pod->next = cluster->pods;
	cluster->pods = pod;
}

static void drop_pods_of_no_node(struct cluster *cluster)
{
	for (struct pod **at = &cluster->pods; *at;) {
		struct pod *pod = *at;

		if (!*pod->node || cluster_node(cluster, pod->node)) {
			at = &pod->next;
			continue;
		}
		*at = pod->next;
		pod_free(pod);
	}
}

/* What the controllers and the scheduler have done by now. */
static void turn(struct cluster *cluster)
{
	struct workload workload;

	drop_pods_of_no_node(cluster);
	for (size_t i = 0; workload_at(i, &workload); i++) {
		if (!workload.per_node) {
			if (!has_pod(cluster, workload.name, NULL))
				add_pod(cluster, &workload, any_node(cluster));
			continue;
		}
		for (const struct node *n = cluster->nodes; n; n = n->next)
			if (!has_pod(cluster, workload.name, n->name))
				add_pod(cluster, &workload, n->name);
	}
	for (struct pod *p = cluster->pods; p; p = p->next)
		if (!*p->node)
			place_pod(cluster, p, any_node(cluster));
}

static bool is_healthy(const struct cluster *cluster, const struct pod *pod)
{
	const struct node *node = cluster_node(cluster, pod->node);

	return node && node_is_ready(cluster, node) &&
	       pod->placed_ms + cluster_step_ms(cluster) <=
		       cluster->kube->world->now_ms;
}

void pods_count(struct cluster *cluster, const struct json_object *labels,
	int64_t *all, int64_t *healthy)
{
	turn(cluster);
	*all = *healthy = 0;
	for (const struct pod *p = cluster->pods; p; p = p->next)
		if (strcmp(json_text_or_empty(labels, APP_LABEL), p->app) ==
			0) {
			*all += 1;
			*healthy += is_healthy(cluster, p);
		}
}

/* ---- As clients see them ---- */

static struct json_object *owner_of(const struct pod *pod)
{
	struct json_object *owners = json_literal(
		"[{'apiVersion': 'apps/v1', 'controller': true, 'uid': '0'}]");
	struct json_object *owner = json_nth(owners, 0);

	json_put_text(
		owner, "kind", pod->per_node ? "DaemonSet" : "ReplicaSet");
	json_put_text(owner, "name", pod->app);
	return owners;
}

static struct json_object *status_of(
	const struct cluster *cluster, const struct pod *pod)
{
	struct json_object *status =
		json_literal("{'conditions': [{'type': 'Ready'}]}");

	json_put_text(status, "phase",
		is_healthy(cluster, pod) ? "Running" : "Pending");
	json_put_text(json_nth(json_at(status, "conditions"), 0), "status",
		is_healthy(cluster, pod) ? "True" : "False");
	return status;
}

static struct json_object *view(
	const struct cluster *cluster, const struct pod *pod)
{
	struct json_object *view =
		api_object("Pod", "v1", pod->name, "kube-system");
	struct json_object *metadata = json_at(view, "metadata");
	struct json_object *labels = json_object_new_object();
	struct json_object *spec =
		json_literal("{'containers': [{'name': 'main'}]}");
	char uid[24], moment[32];

	snprintf(uid, sizeof uid, "%lld", (long long)pod->number);
	api_moment(cluster, pod->placed_ms, moment);
	json_put_text(labels, APP_LABEL, pod->app);
	json_put_text(metadata, "uid", uid);
	json_put_text(metadata, "creationTimestamp", moment);
	json_put(metadata, "labels", labels);
	json_put(metadata, "ownerReferences", owner_of(pod));
	if (*pod->node)
		json_put_text(spec, "nodeName", pod->node);
	json_put(view, "spec", spec);
	json_put(view, "status", status_of(cluster, pod));
	return view;
}

/* Of one node, if the request says so. */
static struct answer list(
	const struct cluster *cluster, const struct request *request)
{
	static const char key[] = "spec.nodeName=";
	const char *field = strstr(request->fields, key);
	const char *node = field ? field + sizeof key - 1 : NULL;
	struct json_object *items = json_object_new_array();
	struct json_object *body = json_literal(
		"{'kind': 'PodList', 'apiVersion': 'v1', 'metadata': {}}");

	for (const struct pod *p = cluster->pods; p; p = p->next)
		if (!node || strcmp(p->node, node) == 0)
			json_add(items, view(cluster, p));
	json_put(body, "items", items);
	return api_well(body);
}

static struct answer drop(struct cluster *cluster, struct pod *pod)
{
	struct json_object *was = view(cluster, pod);
	struct pod **at = &cluster->pods;

	while (*at != pod)
		at = &(*at)->next;
	*at = pod->next;
	pod_free(pod);
	return api_well(was);
}

static struct answer evict(struct cluster *cluster, struct pod *pod)
{
	struct json_object *seen = view(cluster, pod);
	bool allowed = budgets_allow(
		cluster, json_at(json_at(seen, "metadata"), "labels"));

	json_object_put(seen);
	if (!allowed)
		return api_refuse(429, "TooManyRequests",
			"Cannot evict pod as it would violate the pod's "
			"disruption budget.");
	json_object_put(drop(cluster, pod).body);
	return (struct answer){
		201, json_literal("{'kind': 'Status', 'apiVersion': 'v1',"
				  " 'status': 'Success'}")};
}

/* `name` may end in "/eviction". */
static struct pod *find(const struct cluster *cluster, const char *name)
{
	size_t length = strcspn(name, "/");
	struct pod *pod = cluster->pods;

	while (pod && (strlen(pod->name) != length ||
			      strncmp(pod->name, name, length) != 0))
		pod = pod->next;
	return pod;
}

struct answer pods_answer(struct cluster *cluster,
	const struct request *request, const char *name)
{
	bool posts = strcmp(request->method, "POST") == 0;

	turn(cluster);
	if (!*name && strcmp(request->method, "GET") == 0)
		return list(cluster, request);
	struct pod *pod = find(cluster, name);
	const char *part = strchr(name, '/');
	if (!pod)
		return api_refuse(
			404, "NotFound", "pods \"%s\" not found", name);
	if (posts && part && strcmp(part, "/eviction") == 0)
		return evict(cluster, pod);
	if (!part && strcmp(request->method, "GET") == 0)
		return api_well(view(cluster, pod));
	if (!part && strcmp(request->method, "DELETE") == 0)
		return drop(cluster, pod);
	return api_refuse(405, "MethodNotAllowed", "not simulated");
}
