/* Nodes as kubelet and cloud controller make them: listed, shown, deleted. */
#include "api.h"

#include <string.h>

#define PROVIDER "node.cloudprovider.kubernetes.io/uninitialized"

static struct json_object *condition(bool ready)
{
	struct json_object *condition =
		json_literal("{'type': 'Ready', 'reason': 'KubeletReady'}");

	json_put_text(condition, "status", ready ? "True" : "False");
	return condition;
}

static struct json_object *spec_of(
	const struct cluster *cluster, const struct node *node)
{
	struct json_object *spec = json_object_new_object();
	char provider[32];

	if (node_is_initialised(cluster, node)) {
		snprintf(provider, sizeof provider, "hcloud://%lld",
			(long long)node->server);
		json_put_text(spec, "providerID", provider);
	} else {
		json_put(spec, "taints",
			json_literal("[{'key': '" PROVIDER "',"
				     " 'value': 'true',"
				     " 'effect': 'NoSchedule'}]"));
	}
	if (node->unschedulable)
		json_put_flag(spec, "unschedulable", true);
	return spec;
}

static struct json_object *node_view(
	const struct cluster *cluster, const struct node *node)
{
	struct json_object *view = api_object("Node", "v1", node->name, NULL);
	struct json_object *metadata = json_at(view, "metadata");
	struct json_object *labels = json_object_new_object();
	struct json_object *status =
		json_literal("{'conditions': [{'type': 'MemoryPressure',"
			     " 'status': 'False'}], 'nodeInfo': {}}");
	char moment[32];

	api_moment(cluster, node->joined_ms, moment);
	json_put_text(metadata, "creationTimestamp", moment);
	json_put_text(labels, "kubernetes.io/hostname", node->name);
	if (node->control_plane)
		json_put_text(labels, "node-role.kubernetes.io/control-plane",
			"true");
	json_put(metadata, "labels", labels);
	json_add(json_at(status, "conditions"),
		condition(node_is_ready(cluster, node)));
	json_put_text(json_at(status, "nodeInfo"), "kubeletVersion",
		cluster_version(cluster));
	json_put(view, "spec", spec_of(cluster, node));
	json_put(view, "status", status);
	return view;
}

/* ---- As a table, which is what kubectl prints ---- */

static struct json_object *table(void)
{
	return json_literal(
		"{'kind': 'Table', 'apiVersion': 'meta.k8s.io/v1',"
		" 'metadata': {}, 'columnDefinitions': ["
		" {'name': 'Name', 'type': 'string', 'format': 'name'},"
		" {'name': 'Status', 'type': 'string'},"
		" {'name': 'Roles', 'type': 'string'},"
		" {'name': 'Age', 'type': 'string'},"
		" {'name': 'Version', 'type': 'string'}], 'rows': []}");
}

static void add_cell(struct json_object *cells, const char *text)
{
	json_add(cells, json_object_new_string(text));
}

static const char *status_word(
	const struct cluster *cluster, const struct node *node)
{
	if (!node_is_ready(cluster, node))
		return "NotReady";
	return node->unschedulable ? "Ready,SchedulingDisabled" : "Ready";
}

static struct json_object *row_of(
	const struct cluster *cluster, const struct node *node)
{
	struct json_object *row = json_object_new_object();
	struct json_object *cells = json_object_new_array();
	struct json_object *view = node_view(cluster, node);
	struct json_object *object = api_object(
		"PartialObjectMetadata", "meta.k8s.io/v1", node->name, NULL);
	char age[24];

	snprintf(age, sizeof age, "%llds",
		(long long)(cluster->kube->world->now_ms - node->joined_ms) /
			1000);
	add_cell(cells, node->name);
	add_cell(cells, status_word(cluster, node));
	add_cell(cells, node->control_plane ? "control-plane,etcd" : "<none>");
	add_cell(cells, age);
	add_cell(cells, cluster_version(cluster));
	json_put(
		object, "metadata", json_object_get(json_at(view, "metadata")));
	json_object_put(view);
	json_put(row, "cells", cells);
	json_put(row, "object", object);
	return row;
}

/* ---- Lists, by pages whose token is the last name of the one before ---- */

static struct answer list(
	const struct cluster *cluster, const struct request *request)
{
	bool as_table = strstr(request->accept, "as=Table") != NULL;
	struct json_object *body =
		as_table ? table()
			 : json_literal("{'kind': 'NodeList',"
					" 'apiVersion': 'v1',"
					" 'metadata': {}, 'items': []}");
	struct json_object *items = json_at(body, as_table ? "rows" : "items");
	bool begun = !*request->after;
	const char *last = NULL;

	for (const struct node *n = cluster->nodes; n; n = n->next) {
		if (begun && request->limit &&
			json_count(items) == request->limit) {
			json_put_text(
				json_at(body, "metadata"), "continue", last);
			break;
		}
		if (begun)
			json_add(items, as_table ? row_of(cluster, n)
						 : node_view(cluster, n));
		last = n->name;
		begun = begun || strcmp(n->name, request->after) == 0;
	}
	return api_well(body);
}

static struct answer show(const struct cluster *cluster,
	const struct request *request, const struct node *node)
{
	struct json_object *body;

	if (!strstr(request->accept, "as=Table"))
		return api_well(node_view(cluster, node));
	body = table();
	json_add(json_at(body, "rows"), row_of(cluster, node));
	return api_well(body);
}

/* A patch that cordons it, or takes that back. */
static struct answer cordon(const struct cluster *cluster,
	const struct request *request, struct node *node)
{
	struct json_object *patch = json_tokener_parse(request->body);
	struct json_object *spec = json_at(patch, "spec");

	if (!spec) {
		json_object_put(patch);
		return api_refuse(400, "BadRequest",
			"of a node only spec.unschedulable is simulated");
	}
	node->unschedulable = json_flag(spec, "unschedulable");
	json_object_put(patch);
	return api_well(node_view(cluster, node));
}

struct answer nodes_answer(struct cluster *cluster,
	const struct request *request, const char *name)
{
	struct node *node = cluster_node(cluster, name);

	if (!*name && strcmp(request->method, "GET") == 0)
		return list(cluster, request);
	if (!node)
		return api_refuse(
			404, "NotFound", "nodes \"%s\" not found", name);
	if (strcmp(request->method, "GET") == 0)
		return show(cluster, request, node);
	if (strcmp(request->method, "PATCH") == 0)
		return cordon(cluster, request, node);
	if (strcmp(request->method, "DELETE") != 0)
		return api_refuse(405, "MethodNotAllowed", "not simulated");
	cluster_drop_node(cluster, name);
	return api_well(json_literal("{'kind': 'Status', 'apiVersion': 'v1',"
				     " 'status': 'Success'}"));
}
