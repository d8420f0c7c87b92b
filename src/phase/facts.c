/*
 * What is recorded of a cluster's resources. A removed one stays in the list
 * until the store has heard of it, but nobody finds it any more.
 */
#include "parts.h"

#include <stdio.h>
#include <string.h>

static struct fact_resource *find_fact(
	const struct facts *facts, const char *phase, int index)
{
	for (size_t i = 0; i < facts->resource_count; i++) {
		struct fact_resource *fact = &facts->resources[i];
		if (fact->change != CHANGE_REMOVE &&
			fact->resource.index == index &&
			strcmp(fact->resource.phase, phase) == 0)
			return fact;
	}
	return NULL;
}

struct resource *facts_resource(
	struct facts *facts, const char *phase, int index)
{
	struct fact_resource *fact = find_fact(facts, phase, index);

	return fact ? &fact->resource : NULL;
}

const struct resource *facts_recorded(
	const struct facts *facts, const char *phase, int index)
{
	const struct fact_resource *fact = find_fact(facts, phase, index);

	return fact ? &fact->resource : NULL;
}

static struct fact_resource *add_fact(
	struct facts *facts, const struct resource *resource)
{
	facts->resources = arena_grow(facts->arena, facts->resources,
		facts->resource_count, &facts->resource_room,
		sizeof *facts->resources);
	struct fact_resource *fact = &facts->resources[facts->resource_count++];
	*fact = (struct fact_resource){.resource = *resource};
	return fact;
}

void facts_add(struct facts *facts, const struct resource *resource)
{
	add_fact(facts, resource);
}

void facts_record(struct facts *facts, const struct resource *resource)
{
	struct fact_resource *fact =
		find_fact(facts, resource->phase, resource->index);

	if (!fact)
		fact = add_fact(facts, resource);
	else if (&fact->resource != resource)
		fact->resource = *resource;
	fact->change = CHANGE_RECORD;
	fact->noted = false;
}

void facts_remove(struct facts *facts, const char *phase, int index)
{
	struct fact_resource *fact = find_fact(facts, phase, index);

	if (fact)
		fact->change = CHANGE_REMOVE;
}

const struct resource *facts_own(const struct facts *facts)
{
	return facts_recorded(facts, facts->phase->name, facts->index);
}

const struct resource *facts_need(
	const struct facts *facts, const char *phase, struct err *err)
{
	const struct resource *resource = facts_recorded(facts, phase, 0);

	if (!resource)
		err_set(err, ERR_BUG, "not_recorded",
			"The phase %s needs the %s, which is not recorded.",
			facts->phase->name, phase);
	return resource;
}

const char *facts_server(const struct facts *facts, struct err *err)
{
	const struct resource *front = facts_need(facts, "load_balancer", err);

	return front ? kubernetes_server(facts->arena, front->public_address)
		     : NULL;
}

/* One of many has its number in its name. */
const char *facts_name(const struct facts *facts)
{
	char *name = arena_take(facts->arena, NAME_SIZE);

	resource_name(&facts->cluster, facts->phase->name,
		facts->phase->role && facts->phase->instances ? facts->index
							      : -1,
		name);
	return name;
}

const char *facts_cluster_selector(const struct facts *facts)
{
	return request_escape(
		facts->arena, arena_format(facts->arena, LABEL_CLUSTER "=%s",
				      facts->cluster.id));
}

struct kept *facts_keep(
	struct facts *facts, const struct resource *resource, enum stay stay)
{
	for (size_t i = 0; i < facts->kept_count; i++)
		if (facts->kept[i].resource.kind == resource->kind &&
			facts->kept[i].resource.id == resource->id)
			return &facts->kept[i];
	facts->kept = arena_grow(facts->arena, facts->kept, facts->kept_count,
		&facts->kept_room, sizeof *facts->kept);
	struct kept *kept = &facts->kept[facts->kept_count++];
	*kept = (struct kept){.resource = *resource, .stay = stay};
	return kept;
}

struct fact_resource *facts_with_id(
	const struct facts *facts, enum resource_kind kind, int64_t id)
{
	for (size_t i = 0; i < facts->resource_count; i++) {
		struct fact_resource *fact = &facts->resources[i];
		if (fact->change != CHANGE_REMOVE &&
			fact->resource.kind == kind && fact->resource.id == id)
			return fact;
	}
	return NULL;
}

int facts_next_index(const struct facts *facts, const char *phase)
{
	int next = 0;

	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct resource *resource = &facts->resources[i].resource;
		if (strcmp(resource->phase, phase) == 0 &&
			resource->index >= next)
			next = resource->index + 1;
	}
	return next;
}
