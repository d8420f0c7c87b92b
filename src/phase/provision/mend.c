/*
 * Mend: what is recorded of a cluster, and somebody has deleted at Hetzner, is
 * forgotten, so that the phases after this one make it again. Looked for in
 * every run but the first. What other parts were built on cannot be replaced
 * below them: then nothing is forgotten, and a sentence says so.
 */
#include "parts.h"

#include <string.h>

static bool is_recorded(const struct facts *facts, int kind)
{
	for (size_t i = 0; i < facts->resource_count; i++)
		if (facts->resources[i].change != CHANGE_REMOVE &&
			(int)facts->resources[i].resource.kind == kind)
			return true;
	return false;
}

/* The next kind of which something is recorded; RESOURCE_KIND_COUNT: none. */
static int kind_of(const struct facts *facts)
{
	int kind = facts->memory.looked_over;

	while (kind < RESOURCE_KIND_COUNT && !is_recorded(facts, kind))
		kind++;
	return kind;
}

/* ---- look: kind by kind, what bears the cluster's label ---- */

bool look_met(const struct facts *facts)
{
	return facts->run <= 1 || kind_of(facts) == RESOURCE_KIND_COUNT;
}

bool look_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	phase_ask_list(facts, &ask->request, (enum resource_kind)kind_of(facts),
		phase_page(facts));
	return true;
}

enum verdict look_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	enum resource_kind kind = (enum resource_kind)kind_of(facts);
	struct seen seen;

	if (reply->class != REPLY_OK)
		return phase_otherwise(facts, reply,
			arena_format(facts->arena, "Looking for the %ss",
				kind_noun(kind)),
			err);
	if (!phase_is_list(reply, kind, err))
		return VERDICT_FAILED;
	for (size_t i = 0; i < reply_list_count(reply, kind); i++) {
		if (!reply_list_resource(reply, kind, i, &seen, err))
			return VERDICT_FAILED;
		if (seen.deleting)
			continue;
		found_add(facts->arena, &facts->memory.present[kind], seen.id,
			seen.name);
		restore_note(facts, kind, &seen);
	}
	if (!phase_turn_page(facts, reply))
		facts->memory.looked_over = (int)kind + 1;
	return VERDICT_NEXT;
}

/* ---- mend ---- */

static bool is_gone(const struct facts *facts, const struct fact_resource *fact)
{
	enum resource_kind kind = fact->resource.kind;

	return fact->change != CHANGE_REMOVE &&
	       !found_has(&facts->memory.present[kind], fact->resource.id);
}

bool mend_met(const struct facts *facts)
{
	if (facts->run <= 1)
		return true;
	for (size_t i = 0; i < facts->resource_count; i++)
		if (is_gone(facts, &facts->resources[i]))
			return false;
	return true;
}

static int count_of(const struct facts *facts, const char *phase, bool gone)
{
	int count = 0;

	for (size_t i = 0; i < facts->resource_count; i++)
		if (strcmp(facts->resources[i].resource.phase, phase) == 0)
			count += !gone || is_gone(facts, &facts->resources[i]);
	return count;
}

/* Nodes know it by its id or address, and cannot be told another. */
static bool bears_the_nodes(
	const struct facts *facts, const struct fact_resource *fact)
{
	const char *phase = fact->resource.phase;

	if (strcmp(phase, "network") != 0 &&
		strcmp(phase, "load_balancer") != 0 &&
		(strcmp(phase, "gateway_address") != 0 ||
			cluster_api_is_open(&facts->cluster)))
		return false;
	return count_of(facts, "control_plane", false) > 0;
}

/* etcd goes on with the greater part of its members, and with no less. */
static bool has_lost_its_state(const struct facts *facts)
{
	int most = cluster_type_control_planes(facts->cluster.type) / 2;

	return facts->cluster.was_ready &&
	       count_of(facts, "control_plane", true) > most;
}

static bool refuse(
	const struct fact_resource *fact, const char *why, struct err *err)
{
	return err_set(err, ERR_REFUSED, "beyond_repair",
		"The %s '%s' was deleted at Hetzner, and %s. Delete this "
		"cluster and create it again.",
		kind_noun(fact->resource.kind), fact->resource.name, why);
}

static bool may_be_mended(const struct facts *facts, struct err *err)
{
	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct fact_resource *fact = &facts->resources[i];

		if (!is_gone(facts, fact))
			continue;
		if (bears_the_nodes(facts, fact))
			return refuse(fact, "the nodes depend on it", err);
		if (strcmp(fact->resource.phase, "control_plane") == 0 &&
			has_lost_its_state(facts))
			return refuse(fact,
				"what the cluster knew went with it", err);
	}
	return true;
}

bool mend_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	if (!may_be_mended(facts, err))
		return false;
	for (size_t i = 0; i < facts->resource_count; i++)
		if (is_gone(facts, &facts->resources[i]))
			facts->resources[i].change = CHANGE_REMOVE;
	ask->kind = ASK_NOTHING;
	return true;
}
