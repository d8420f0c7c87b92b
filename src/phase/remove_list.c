/*
 * What belongs to the cluster, among all that a project holds: what bears the
 * cluster's label, what is on its network, what stands before its servers
 * alone, and what is recorded. Nothing else is ever touched; so a label is
 * looked at again, even where Hetzner was asked for it.
 */
#include "parts.h"

#include <byoc/json.h>
#include <string.h>

static bool is_labelled(const struct facts *facts, const struct seen *seen)
{
	const char *cluster = seen_label(seen, LABEL_CLUSTER);

	return cluster && strcmp(cluster, facts->cluster.id) == 0;
}

static void add_neighbours(struct facts *facts, const struct seen *network)
{
	struct err ignored = {0};
	struct json_in in = {network->object, "network", &ignored};
	size_t count = json_count(&in, "servers");

	for (size_t i = 0; i < count; i++) {
		int64_t id = json_element_i64(&in, "servers", i);
		if (id)
			found_add(facts->arena, &facts->memory.neighbours, id,
				"");
	}
}

bool remove_learn_networks(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct seen seen;

	if (!phase_is_list(reply, RESOURCE_NETWORK, err))
		return false;
	size_t count = reply_list_count(reply, RESOURCE_NETWORK);
	for (size_t i = 0; i < count; i++) {
		if (!reply_list_resource(
			    reply, RESOURCE_NETWORK, i, &seen, err))
			return false;
		if (!is_labelled(facts, &seen))
			continue;
		found_add(facts->arena, &facts->memory.networks, seen.id,
			seen.name);
		add_neighbours(facts, &seen);
	}
	return true;
}

static bool is_on_network(const struct facts *facts, const struct seen *seen)
{
	const struct found *networks = &facts->memory.networks;

	for (size_t i = 0; i < networks->count; i++)
		if (seen_on_network(seen, networks->items[i].id, NULL))
			return true;
	return false;
}

static bool is_our_server(const struct facts *facts, int64_t id)
{
	for (size_t i = 0; i < facts->resource_count; i++)
		if (facts->resources[i].resource.kind == RESOURCE_SERVER &&
			facts->resources[i].resource.id == id)
			return true;
	return found_has(&facts->memory.neighbours, id);
}

/* Has it targets, and are all of them servers of the cluster? */
static bool is_before_ours(const struct facts *facts, const struct seen *seen)
{
	struct err ignored = {0};
	struct json_in object = {seen->object, "load_balancer", &ignored};
	struct json_in target, server;
	size_t count = json_count(&object, "targets");

	for (size_t i = 0; i < count; i++) {
		int64_t id = 0;
		if (!json_element(&object, "targets", i, &target) ||
			!json_opt_into(&target, "server", &server))
			return false;
		json_opt_i64(&server, "id", &id);
		if (!is_our_server(facts, id))
			return false;
	}
	return count > 0;
}

static bool is_ours(const struct facts *facts, enum resource_kind kind,
	const struct seen *seen)
{
	return is_labelled(facts, seen) ||
	       (kind == RESOURCE_LOAD_BALANCER &&
		       (is_on_network(facts, seen) ||
			       is_before_ours(facts, seen)));
}

static void add_victim(
	struct facts *facts, enum resource_kind kind, const struct seen *seen)
{
	struct found *victims = &facts->memory.victims;

	found_add(facts->arena, victims, seen->id, seen->name);
	if (kind == RESOURCE_VOLUME && seen->server)
		victims->items[victims->count - 1].attached = true;
}

bool remove_add_victims(struct facts *facts, enum resource_kind kind,
	const struct reply *reply, struct err *err)
{
	struct seen seen;

	if (!phase_is_list(reply, kind, err))
		return false;
	size_t count = reply_list_count(reply, kind);
	for (size_t i = 0; i < count; i++) {
		if (!reply_list_resource(reply, kind, i, &seen, err))
			return false;
		if (is_ours(facts, kind, &seen))
			add_victim(facts, kind, &seen);
	}
	return true;
}

/* Whatever became of its label: what we recorded, we have made. */
void remove_add_recorded(struct facts *facts, enum resource_kind kind)
{
	struct found *victims = &facts->memory.victims;

	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct fact_resource *fact = &facts->resources[i];
		if (fact->resource.kind == kind &&
			fact->change != CHANGE_REMOVE)
			found_add(facts->arena, victims, fact->resource.id,
				fact->resource.name);
	}
	if (kind != RESOURCE_SERVER)
		return;
	for (size_t i = 0; i < facts->memory.neighbours.count; i++)
		found_add(facts->arena, victims,
			facts->memory.neighbours.items[i].id, "");
}
