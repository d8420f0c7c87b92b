/*
 * Removing all of a kind, or, as the sweep, all of every kind: learn the
 * cluster's network, list, delete what was found, and look again where
 * deleting takes its time. Which of the listed is the cluster's is decided in
 * remove_list.c. Where nothing is left, the records are marked as gone.
 */
#include "parts.h"

#include <string.h>

static bool is_sweep(const struct facts *facts)
{
	return facts->phase->kind == RESOURCE_KIND_COUNT;
}

/* A sweep is through when it has swept every kind. */
static bool is_through(const struct facts *facts)
{
	return is_sweep(facts) ? facts->memory.swept == RESOURCE_KIND_COUNT
			       : facts->memory.listed;
}

static enum resource_kind kind_of(const struct facts *facts)
{
	return is_sweep(facts) ? (enum resource_kind)facts->memory.swept
			       : facts->phase->kind;
}

static const char *doing(const struct facts *facts, const char *verb)
{
	return arena_format(
		facts->arena, "%s the %ss", verb, kind_noun(kind_of(facts)));
}

/* They are known already: no need to list them again. */
static void take_networks(struct facts *facts)
{
	facts->memory.victims = facts->memory.networks;
	facts->memory.networks = (struct found){0};
	remove_add_recorded(facts, RESOURCE_NETWORK);
	facts->memory.listed = true;
}

/* Turns to the next kind when this one has been seen to. */
static void turn_kind(struct facts *facts)
{
	struct phase_memory *memory = &facts->memory;

	while (memory->listed && memory->victims.count == 0) {
		if (!memory->again)
			facts_forget_kind(facts, kind_of(facts));
		if (!is_sweep(facts))
			return;
		memory->listed = false;
		memory->swept++;
		if (kind_of(facts) == RESOURCE_NETWORK)
			take_networks(facts);
	}
}

/* ---- learn: the cluster's network, and the servers on it ---- */

static bool learn_met(const struct facts *facts)
{
	enum resource_kind kind = facts->phase->kind;

	return facts->memory.networks_known ||
	       !(is_sweep(facts) || kind == RESOURCE_LOAD_BALANCER ||
		       kind == RESOURCE_SERVER || kind == RESOURCE_NETWORK);
}

static bool learn_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	request_get(&ask->request, facts->arena,
		"/networks?label_selector=%s&per_page=%d&page=%d",
		facts_cluster_selector(facts), PER_PAGE, phase_page(facts));
	return true;
}

static enum verdict learn_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	if (reply->class != REPLY_OK)
		return phase_otherwise(
			facts, reply, "Looking for the network", err);
	if (!remove_learn_networks(facts, reply, err))
		return VERDICT_FAILED;
	facts->memory.networks_known = !phase_turn_page(facts, reply);
	if (facts->memory.networks_known &&
		kind_of(facts) == RESOURCE_NETWORK) {
		take_networks(facts);
		turn_kind(facts);
	}
	return VERDICT_NEXT;
}

/* ---- list: what there is of the kind ---- */

static bool list_met(const struct facts *facts)
{
	return facts->memory.listed || is_through(facts);
}

/* A load balancer that Kubernetes made has no label of ours: read them all. */
static bool list_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const char *selector = "";

	(void)err;
	if (kind_of(facts) != RESOURCE_LOAD_BALANCER)
		selector = arena_format(facts->arena, "label_selector=%s&",
			facts_cluster_selector(facts));
	request_get(&ask->request, facts->arena, "/%s?%sper_page=%d&page=%d",
		kind_plural(kind_of(facts)), selector, PER_PAGE,
		phase_page(facts));
	return true;
}

static enum verdict list_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	enum resource_kind kind = kind_of(facts);

	if (reply->class != REPLY_OK)
		return phase_otherwise(
			facts, reply, doing(facts, "Listing"), err);
	if (!remove_add_victims(facts, kind, reply, err))
		return VERDICT_FAILED;
	if (phase_turn_page(facts, reply))
		return VERDICT_NEXT;
	remove_add_recorded(facts, kind);
	facts->memory.listed = true;
	turn_kind(facts);
	return VERDICT_NEXT;
}

/* ---- erase: each one that was found ---- */

static bool erase_met(const struct facts *facts)
{
	return facts->memory.victims.count == 0;
}

static bool erase_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const struct found *victims = &facts->memory.victims;
	size_t last = victims->count - 1;
	long long id = (long long)victims->items[last].id;

	(void)err;
	if (victims->items[last].attached)
		request_post(&ask->request, facts->arena, NULL,
			"/volumes/%lld/actions/detach", id);
	else
		request_delete(&ask->request, facts->arena, "/%s/%lld",
			kind_plural(kind_of(facts)), id);
	return true;
}

static enum verdict refuse_protected(const struct facts *facts, struct err *err)
{
	const struct found *victims = &facts->memory.victims;
	size_t last = victims->count - 1;

	err_set(err, ERR_REFUSED, "protected",
		"The %s '%s' (id %lld) is protected from deletion. Disable its "
		"protection in the Hetzner Console, then delete the cluster "
		"again.",
		kind_noun(kind_of(facts)), victims->items[last].name,
		(long long)victims->items[last].id);
	return VERDICT_FAILED;
}

/*
 * A server's deletion goes on after the answer, and so does a detaching; the
 * sweep is done only when it has found nothing at all.
 */
static enum verdict erase_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct phase_memory *memory = &facts->memory;
	enum resource_kind kind = kind_of(facts);
	size_t last = memory->victims.count - 1;
	bool attached = memory->victims.items[last].attached;
	bool gone = reply->class == REPLY_OK || reply->class == REPLY_NOT_FOUND;

	if (reply->class == REPLY_PROTECTED)
		return refuse_protected(facts, err);
	if (!gone && reply->class != REPLY_BUSY)
		return phase_otherwise(
			facts, reply, doing(facts, "Deleting"), err);
	if (!gone || attached || is_sweep(facts) || kind == RESOURCE_SERVER)
		memory->again = true;
	if (gone && !attached)
		facts_forget(facts, kind, memory->victims.items[last].id);
	memory->victims.count--;
	turn_kind(facts);
	return VERDICT_NEXT;
}

/* ---- again: until there is nothing left ---- */

static bool again_met(const struct facts *facts)
{
	return !facts->memory.again;
}

static bool again_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const char *what = is_sweep(facts) ? "Sweeping the project"
					   : doing(facts, "Deleting");

	if (phase_wait(facts, what, err) == VERDICT_FAILED)
		return false;
	return phase_ask_later(facts, ask, facts->wait_ms);
}

/* Nothing was asked. */
static enum verdict again_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	(void)facts;
	(void)reply;
	(void)err;
	return VERDICT_NEXT;
}

const struct step remove_steps[] = {
	ROW(learn),
	ROW(list),
	ROW(erase),
	ROW(again),
	{0},
};
