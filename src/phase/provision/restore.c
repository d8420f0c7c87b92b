/*
 * Restore: what of a cluster that was ready is there, but not as it was made,
 * is put back: servers that are off or off the network, its route, the rules of
 * its firewall, what its balancer serves. `look` (mend.c) has seen it; what
 * comes of it shows in `ready`, and in the next look.
 */
#include "parts.h"

#include <byoc/json.h>
#include <json-c/json.h>

/* ---- What there is to do ---- */

/* It had an address there, and it does not any more. */
static bool is_detached(const struct facts *facts, const struct seen *seen)
{
	const struct fact_resource *server =
		facts_with_id(facts, RESOURCE_SERVER, seen->id);
	const struct resource *network = facts_recorded(facts, "network", 0);

	return network && server->resource.private_address[0] &&
	       json_object_object_get_ex(seen->object, "private_net", NULL) &&
	       !seen_on_network(seen, network->id, NULL);
}

static void add_blemish(struct facts *facts, enum fault fault, int64_t id)
{
	struct phase_memory *memory = &facts->memory;

	memory->blemishes = arena_grow(facts->arena, memory->blemishes,
		memory->blemish_count, &memory->blemish_room,
		sizeof *memory->blemishes);
	memory->blemishes[memory->blemish_count].fault = fault;
	memory->blemishes[memory->blemish_count++].id = id;
}

void restore_note(
	struct facts *facts, enum resource_kind kind, const struct seen *seen)
{
	if (!facts->cluster.was_ready || !facts_with_id(facts, kind, seen->id))
		return;
	unsigned faults = faults_of(facts, kind, seen);
	if (kind == RESOURCE_SERVER && is_detached(facts, seen))
		faults |= FAULT_BIT(FAULT_DETACHED);
	for (int fault = 0; fault < FAULT_COUNT; fault++)
		if (faults & FAULT_BIT(fault))
			add_blemish(facts, (enum fault)fault, seen->id);
}

/* ---- restore ---- */

bool restore_met(const struct facts *facts)
{
	return facts->memory.restored == facts->memory.blemish_count;
}

static struct json_object *describe_place(
	const struct facts *facts, int64_t server)
{
	struct json_object *body = json_new();
	const struct fact_resource *fact =
		facts_with_id(facts, RESOURCE_SERVER, server);

	json_add_i64(body, "network", facts_recorded(facts, "network", 0)->id);
	json_add_text(body, "ip", fact->resource.private_address);
	return body;
}

/* NULL: there is none to apply it to, and the one to be made brings it. */
static struct json_object *describe_application(const struct facts *facts)
{
	struct json_object *applied = firewall_application(facts);
	struct json_object *body = applied ? json_new() : NULL;

	if (applied)
		json_add(body, "apply_to", applied);
	return body;
}

static struct json_object *describe_rules(
	const struct facts *facts, struct err *err)
{
	struct json_object *rules = firewall_rules(facts, err);
	struct json_object *body = rules ? json_new() : NULL;

	if (rules)
		json_add(body, "rules", rules);
	return body;
}

static const struct {
	enum resource_kind kind;
	const char *action;
} remedies[] = {
	[FAULT_OFF] = {RESOURCE_SERVER, "poweron"},
	[FAULT_DETACHED] = {RESOURCE_SERVER, "attach_to_network"},
	[FAULT_NO_ROUTE] = {RESOURCE_NETWORK, "add_route"},
	[FAULT_UNAPPLIED] = {RESOURCE_FIREWALL, "apply_to_resources"},
	[FAULT_RULES] = {RESOURCE_FIREWALL, "set_rules"},
	[FAULT_NO_SERVICE] = {RESOURCE_LOAD_BALANCER, "add_service"},
	[FAULT_SERVICE] = {RESOURCE_LOAD_BALANCER, "update_service"},
	[FAULT_NO_TARGET] = {RESOURCE_LOAD_BALANCER, "add_target"},
};
_Static_assert(COUNT(remedies) == FAULT_COUNT, "a remedy for each");

/* What the action is told; NULL where it needs nothing, or with an error. */
static struct json_object *describe(const struct facts *facts, enum fault fault,
	int64_t id, struct err *err)
{
	switch ((int)fault) {
	case FAULT_DETACHED:
		return describe_place(facts, id);
	case FAULT_NO_ROUTE:
		return network_route();
	case FAULT_UNAPPLIED:
		return describe_application(facts);
	case FAULT_RULES:
		return describe_rules(facts, err);
	case FAULT_NO_SERVICE:
	case FAULT_SERVICE:
		return load_balancer_service();
	case FAULT_NO_TARGET:
		return load_balancer_target(facts);
	default:
		return NULL;
	}
}

bool restore_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	enum fault fault =
		facts->memory.blemishes[facts->memory.restored].fault;
	int64_t id = facts->memory.blemishes[facts->memory.restored].id;
	struct json_object *body = describe(facts, fault, id, err);

	if (err->kind)
		return false;
	if (!body && fault == FAULT_UNAPPLIED) {
		facts->memory.restored++;
		ask->kind = ASK_NOTHING;
		return true;
	}
	request_post(&ask->request, facts->arena, body, "/%s/%lld/actions/%s",
		kind_plural(remedies[fault].kind), (long long)id,
		remedies[fault].action);
	return true;
}

/* What is as it should be by now is good, and what is gone is made again when
 * it is looked for the next time. */
enum verdict restore_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	const struct blemish *blemish =
		&facts->memory.blemishes[facts->memory.restored];
	bool done = reply->class == REPLY_OK || reply->class == REPLY_ALREADY ||
		    reply->class == REPLY_NOT_FOUND;

	if (!done)
		return phase_otherwise(facts, reply,
			arena_format(facts->arena,
				"Putting the %s (id %lld) back in order",
				kind_noun(remedies[blemish->fault].kind),
				(long long)blemish->id),
			err);
	facts->memory.restored++;
	return VERDICT_NEXT;
}
