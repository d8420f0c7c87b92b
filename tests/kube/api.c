/* Who may come in, which part of the API is meant, and what it is made of. */
#include "api.h"
#include "../sim/memory.h"
#include "pods.h"

#include <stdarg.h>
#include <time.h>

#define SYSTEM "namespaces/kube-system/"
#define POLICY "/apis/policy/v1/"
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"

struct answer api_well(struct json_object *body)
{
	return (struct answer){200, body};
}

struct answer api_refuse(
	unsigned status, const char *reason, const char *format, ...)
{
	struct json_object *body = json_literal(
		"{'kind': 'Status', 'apiVersion': 'v1', 'metadata': {},"
		" 'status': 'Failure'}");
	char message[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	json_put_text(body, "message", message);
	json_put_text(body, "reason", reason);
	json_put_number(body, "code", status);
	return (struct answer){status, body};
}

struct json_object *api_object(const char *kind, const char *version,
	const char *name, const char *name_space)
{
	struct json_object *object = json_object_new_object();
	struct json_object *metadata = json_object_new_object();

	json_put_text(object, "kind", kind);
	json_put_text(object, "apiVersion", version);
	json_put_text(metadata, "name", name);
	if (name_space)
		json_put_text(metadata, "namespace", name_space);
	json_put(object, "metadata", metadata);
	return object;
}

void api_moment(const struct cluster *cluster, int64_t at_ms, char text[32])
{
	const struct world *world = cluster->kube->world;
	time_t moment = (at_ms + world->unix_minus_now_ms) / 1000;
	struct tm utc;

	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&moment, &utc));
}

const char *cluster_version(const struct cluster *cluster)
{
	return cluster->members ? cluster->members->intent.version : "";
}

const char *json_text_or_empty(const struct json_object *from, const char *key)
{
	const char *text = json_text(from, key);

	return text ? text : "";
}

/* ---- What clients find out first ---- */

static struct json_object *version(const struct cluster *cluster)
{
	struct json_object *body =
		json_literal("{'major': '1', 'minor': '', 'platform':"
			     " 'linux/amd64', 'compiler': 'gc'}");
	const char *text = cluster_version(cluster);
	char minor[8] = "";

	sscanf(text, "v1.%7[0-9]", minor);
	json_put_text(body, "minor", minor);
	json_put_text(body, "gitVersion", text);
	return body;
}

#define GROUP(name)                                                            \
	"{'name': '" name "', 'versions': [{'groupVersion': '" name "/v1',"    \
	" 'version': 'v1'}], 'preferredVersion': {'groupVersion': '" name      \
	"/v1', 'version': 'v1'}}"

static const struct {
	const char *path, *text;
} discoveries[] = {
	{"/api", "{'kind': 'APIVersions', 'versions': ['v1']}"},
	{"/apis", "{'kind': 'APIGroupList', 'apiVersion': 'v1', 'groups':"
		  " [" GROUP("apps") ", " GROUP("policy") ", " GROUP(
			  "coordination.k8s.io") "]}"},
	{"/api/v1",
		"{'kind': 'APIResourceList', 'groupVersion': 'v1', 'resources':"
		" [{'name': 'nodes', 'singularName': 'node', 'namespaced':"
		" false, 'kind': 'Node', 'shortNames': ['no'],"
		" 'verbs': ['delete', 'get', 'list', 'patch']},"
		" {'name': 'pods', 'singularName': 'pod', 'namespaced': true,"
		" 'kind': 'Pod', 'shortNames': ['po'],"
		" 'verbs': ['delete', 'get', 'list']},"
		" {'name': 'pods/eviction', 'singularName': '', 'namespaced':"
		" true, 'group': 'policy', 'version': 'v1', 'kind':"
		" 'Eviction', 'verbs': ['create']},"
		" {'name': 'secrets', 'singularName': 'secret', 'namespaced':"
		" true, 'kind': 'Secret', 'verbs': ['get', 'patch']}]}"},
	{"/apis/apps/v1",
		"{'kind': 'APIResourceList', 'apiVersion': 'v1', 'groupVersion':"
		" 'apps/v1', 'resources':"
		" [{'name': 'deployments', 'singularName': 'deployment',"
		" 'namespaced': true, 'kind': 'Deployment', 'shortNames':"
		" ['deploy'], 'verbs': ['get', 'list', 'patch']},"
		" {'name': 'daemonsets', 'singularName': 'daemonset',"
		" 'namespaced': true, 'kind': 'DaemonSet', 'shortNames':"
		" ['ds'], 'verbs': ['get', 'list', 'patch']}]}"},
	{"/apis/policy/v1",
		"{'kind': 'APIResourceList', 'apiVersion': 'v1', 'groupVersion':"
		" 'policy/v1', 'resources': [{'name': 'poddisruptionbudgets',"
		" 'singularName': 'poddisruptionbudget', 'namespaced': true,"
		" 'kind': 'PodDisruptionBudget', 'shortNames': ['pdb'],"
		" 'verbs': ['create', 'delete', 'get', 'list']}]}"},
	{"/apis/coordination.k8s.io/v1",
		"{'kind': 'APIResourceList', 'apiVersion': 'v1', 'groupVersion':"
		" 'coordination.k8s.io/v1', 'resources': [{'name': 'leases',"
		" 'singularName': 'lease', 'namespaced': true, 'kind':"
		" 'Lease', 'verbs': ['get', 'list']}]}"},
};

static struct json_object *discovery(const char *path)
{
	for (size_t i = 0; i < COUNT(discoveries); i++)
		if (strcmp(path, discoveries[i].path) == 0)
			return json_literal(discoveries[i].text);
	return NULL;
}

/* ---- Which part ---- */

/* What stands behind the prefix, without a slash before it; NULL: another. */
static const char *behind(const char *path, const char *prefix)
{
	size_t length = strlen(prefix);

	if (strncmp(path, prefix, length) != 0)
		return NULL;
	if (path[length] == '\0')
		return "";
	return path[length] == '/' ? path + length + 1 : NULL;
}

static struct answer route(
	struct cluster *cluster, const struct request *request)
{
	const char *path = request->path, *name;
	struct json_object *found = discovery(path);

	if (found)
		return api_well(found);
	if ((name = behind(path, "/api/v1/nodes")))
		return nodes_answer(cluster, request, name);
	if ((name = behind(path, "/api/v1/" SYSTEM "secrets")))
		return secrets_answer(cluster, request, name);
	if ((name = behind(path, "/apis/apps/v1/" SYSTEM "deployments")))
		return workloads_answer(cluster, request, "deployments", name);
	if ((name = behind(path, "/apis/apps/v1/" SYSTEM "daemonsets")))
		return workloads_answer(cluster, request, "daemonsets", name);
	if ((name = behind(path, "/api/v1/pods")) ||
		(name = behind(path, "/api/v1/" SYSTEM "pods")))
		return pods_answer(cluster, request, name);
	if ((name = behind(path, POLICY "poddisruptionbudgets")) ||
		(name = behind(path, POLICY SYSTEM "poddisruptionbudgets")))
		return budgets_answer(cluster, request, name);
	if ((name = behind(path, LEASES)))
		return leases_answer(cluster, request, name);
	return api_refuse(404, "NotFound",
		"the server could not find the requested resource");
}

struct answer api_answer(struct cluster *cluster, const struct request *request)
{
	cluster_turn(cluster);
	cluster->calls++;
	if (request->visitor == VISITOR_STRANGER)
		return api_refuse(401, "Unauthorized", "Unauthorized");
	if (strcmp(request->path, "/version") == 0)
		return api_well(version(cluster));
	if (request->visitor == VISITOR_NOBODY)
		return api_refuse(
			403, "Forbidden", "%s is forbidden", request->path);
	return route(cluster, request);
}
