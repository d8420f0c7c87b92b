/*
 * Removing what is the cluster's. A phase goes through the kinds that it sees
 * to, in the order of their deletion: it lists one where it has to, deletes
 * what is recorded of it, and turns to the next. Where deleting takes its time,
 * it looks again.
 *
 * What was found (list.c) is recorded before it is deleted (note), so that
 * records alone say what is to go, and receipts tell of all that went. A phase
 * lists its kind only where nothing of it is recorded (any more); the sweep
 * lists every kind of which nobody has seen the end, and only nothing found is
 * its own end.
 *
 * Nobody makes anything any more once the last server is gone: so what is
 * listed after that, and whose deletion Hetzner confirms, needs no second look.
 */
#include "parts.h"

#include <byoc/json.h>
#include <stdio.h>
#include <string.h>

enum { LOOKS_IN_VAIN = 2 };

/*
 * A request whose answer was given up long ago may still make a server when all
 * of them have been seen to. What it uses cannot go before it: whose turn that
 * is looks for servers, too, once it has tried in vain.
 */
static bool looks_for_late_servers(const struct facts *facts)
{
	switch ((int)facts->phase->kind) {
	case RESOURCE_FIREWALL:
	case RESOURCE_PLACEMENT_GROUP:
	case RESOURCE_PRIMARY_IP:
		return facts->lease_count > LOOKS_IN_VAIN;
	default:
		return false;
	}
}

/* A network goes last of what is on it, whoever put it there meanwhile. */
static bool sees_to(const struct facts *facts, enum resource_kind kind)
{
	return remove_is_sweep(facts) || facts->phase->kind == kind ||
	       (kind == RESOURCE_SERVER && looks_for_late_servers(facts)) ||
	       (facts->phase->kind == RESOURCE_NETWORK &&
		       remove_is_member(kind));
}

/* The kind at hand; RESOURCE_KIND_COUNT: all have been seen to. */
static enum resource_kind kind_of(const struct facts *facts)
{
	int kind = facts->memory.turned;

	while (kind < RESOURCE_KIND_COUNT &&
		!sees_to(facts, (enum resource_kind)kind))
		kind++;
	return (enum resource_kind)kind;
}

static const char *doing(const struct facts *facts, const char *verb)
{
	return arena_format(
		facts->arena, "%s the %ss", verb, kind_noun(kind_of(facts)));
}

/* ---- open: is the kind at hand to be listed? ---- */

static bool open_met(const struct facts *facts)
{
	return facts->memory.opened || kind_of(facts) == RESOURCE_KIND_COUNT;
}

/* One control plane needs no placement group, and has none. */
static bool is_ever_made(const struct facts *facts, enum resource_kind kind)
{
	return kind != RESOURCE_PLACEMENT_GROUP ||
	       facts->cluster.type == CLUSTER_DEDICATED_HA;
}

/*
 * A network that went at the first look had no server on it any more: where
 * there was one, it may have made a volume after these were looked for.
 */
static bool was_seen_to(const struct facts *facts, enum resource_kind kind)
{
	unsigned swept = facts->removal.swept_kinds;

	if (kind == RESOURCE_VOLUME && !(swept & 1u << RESOURCE_NETWORK))
		return false;
	return swept & 1u << kind;
}

/*
 * `learn` has listed the networks. Volumes are looked for once more after the
 * last server, whatever is recorded. Of what is lent the servers and balancers
 * have told; who labels it by hand is heard when there is nothing else to go
 * by.
 */
bool remove_wants_list(const struct facts *facts, enum resource_kind kind)
{
	if (kind == RESOURCE_NETWORK ||
		facts->memory.glanced_kinds & 1u << kind)
		return false;
	if (remove_is_lent(kind))
		return facts->phase->by_label;
	if (remove_is_sweep(facts))
		return !was_seen_to(facts, kind) && is_ever_made(facts, kind);
	if (kind == RESOURCE_SERVER && looks_for_late_servers(facts))
		return true;
	return facts->phase->kind == kind &&
	       (kind == RESOURCE_VOLUME || !remove_is_recorded(facts, kind));
}

static bool open_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	facts->memory.opened = true;
	facts->memory.wants_list = remove_wants_list(facts, kind_of(facts));
	ask->kind = ASK_NOTHING;
	return true;
}

/* ---- list: what bears the cluster's label ---- */

static bool list_met(const struct facts *facts)
{
	return facts->memory.listed || !facts->memory.wants_list;
}

static bool list_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	remove_ask_list(
		facts, &ask->request, kind_of(facts), phase_page(facts));
	return true;
}

static enum verdict list_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	if (reply->class != REPLY_OK)
		return phase_otherwise(
			facts, reply, doing(facts, "Listing"), err);
	if (!remove_learn_listed(facts, kind_of(facts), reply, err))
		return VERDICT_FAILED;
	facts->memory.listed = !phase_turn_page(facts, reply);
	return VERDICT_NEXT;
}

/* ---- What is deleted next ---- */

static bool has_held(const struct facts *facts, enum resource_kind kind)
{
	for (size_t i = 0; i < facts->resource_count; i++)
		if (facts->resources[i].change != CHANGE_REMOVE &&
			facts->resources[i].resource.kind == kind &&
			facts->resources[i].held)
			return true;
	return false;
}

/* While anything is still on it, the network stays. */
static bool network_is_taken(const struct facts *facts)
{
	return facts->memory.leaving || facts->memory.neighbours ||
	       has_held(facts, RESOURCE_SERVER) ||
	       has_held(facts, RESOURCE_LOAD_BALANCER);
}

/* Their positions, as many as are deleted side by side. */
static size_t list_victims(const struct facts *facts, size_t *victims)
{
	enum resource_kind kind = kind_of(facts);
	size_t count = 0;

	if (kind == RESOURCE_NETWORK && network_is_taken(facts))
		return 0;
	for (size_t i = 0; i < facts->resource_count && count < ASK_MOST; i++) {
		const struct fact_resource *fact = &facts->resources[i];
		if (fact->change != CHANGE_REMOVE && !fact->tried &&
			fact->resource.kind == kind &&
			!remove_is_candidate(fact))
			victims[count++] = i;
	}
	return count;
}

static bool erase_met(const struct facts *facts)
{
	size_t victims[ASK_MOST];

	return list_victims(facts, victims) == 0;
}

/* ---- note: what was found, before it is deleted ---- */

/* So that a receipt tells of it, even if nobody hears of the deletion. */
static bool note_met(const struct facts *facts)
{
	if (erase_met(facts))
		return true;
	for (size_t i = 0; i < facts->resource_count; i++)
		if (facts->resources[i].change == CHANGE_RECORD &&
			!facts->resources[i].noted)
			return false;
	return true;
}

static bool note_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)facts, (void)err;
	ask->kind = ASK_NOTE;
	return true;
}

static enum verdict note_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	(void)reply, (void)err;
	for (size_t i = 0; i < facts->resource_count; i++)
		facts->resources[i].noted = true;
	return VERDICT_NEXT;
}

/* ---- erase: each one that is recorded ---- */

static void keep_request(struct facts *facts,
	const struct fact_resource *victim, struct request *request,
	struct err *err)
{
	struct json_object *body = json_new();

	json_add(body, "labels",
		json_parse(victim->labels, strlen(victim->labels), err));
	request_put(request, facts->arena, body, "/volumes/%lld",
		(long long)victim->resource.id);
}

static void erase_request(struct facts *facts,
	const struct fact_resource *victim, struct request *request,
	struct err *err)
{
	long long id = (long long)victim->resource.id;

	if (victim->attached)
		request_post(request, facts->arena, NULL, "/%s/%lld/actions/%s",
			kind_plural(victim->resource.kind), id,
			victim->resource.kind == RESOURCE_VOLUME ? "detach"
								 : "unassign");
	else if (victim->to_keep)
		keep_request(facts, victim, request, err);
	else
		request_delete(request, facts->arena, "/%s/%lld",
			kind_plural(victim->resource.kind), id);
}

static bool erase_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	size_t *victims = facts->memory.asked_of;
	size_t count = list_victims(facts, victims);

	phase_ask_beside(facts, ask, count);
	for (size_t i = 0; i < count; i++)
		erase_request(facts, &facts->resources[victims[i]],
			ask_nth(ask, i), err);
	return !err->kind;
}

/* Done with, and this is what became of it. */
static void let_go(struct fact_resource *victim, bool was_gone)
{
	victim->change = CHANGE_REMOVE;
	victim->fate = was_gone          ? FATE_GONE
		       : victim->to_keep ? FATE_KEPT
					 : FATE_DELETED;
	if (victim->fate == FATE_KEPT)
		victim->resource.why = "a volume to be kept, as asked";
}

/*
 * What was at a server that went meanwhile is free: a refusal to detach it is
 * no verdict, and what comes of its deletion is.
 */
static bool is_free_meanwhile(
	const struct fact_resource *victim, const struct reply *reply)
{
	return victim->attached &&
	       (reply->class == REPLY_REFUSED || reply->class == REPLY_ALREADY);
}

/*
 * A server's deletion goes on after the answer, and so does a detaching; the
 * sweep is done only when it has found nothing at all.
 */
static enum verdict erase_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct phase_memory *memory = &facts->memory;
	struct fact_resource *victim =
		&facts->resources[memory->asked_of[memory->nth]];
	enum resource_kind kind = victim->resource.kind;
	bool was_gone = reply->class == REPLY_NOT_FOUND;
	bool gone = was_gone || reply->class == REPLY_OK;

	if (is_free_meanwhile(victim, reply)) {
		victim->attached = false;
		return VERDICT_NEXT;
	}
	victim->tried = true;
	if (reply->class == REPLY_PROTECTED) {
		victim->held = true;
		return VERDICT_NEXT;
	}
	if (!gone && reply->class != REPLY_BUSY)
		return phase_otherwise(
			facts, reply, doing(facts, "Deleting"), err);
	if (!gone || (victim->attached && !was_gone) ||
		remove_is_sweep(facts) || kind == RESOURCE_SERVER)
		memory->again = true;
	if (remove_is_member(kind) && !was_gone &&
		(!gone || kind == RESOURCE_SERVER))
		memory->leaving = true;
	if (gone && (was_gone || !victim->attached))
		let_go(victim, was_gone);
	return VERDICT_NEXT;
}

/* ---- turn: to the next kind; of this one there is nothing left ---- */

static bool turn_met(const struct facts *facts)
{
	return kind_of(facts) == RESOURCE_KIND_COUNT;
}

/* Balancers are listed before the last server is gone: that is no end. */
static bool is_end_of_kind(const struct facts *facts, enum resource_kind kind)
{
	const struct phase_memory *memory = &facts->memory;

	if (facts->phase->kind != kind || kind == RESOURCE_LOAD_BALANCER ||
		memory->again || remove_is_recorded(facts, kind))
		return false;
	return kind == RESOURCE_NETWORK
		       ? memory->networks_known && facts->lease_count <= 1
		       : memory->wants_list;
}

static bool turn_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	struct phase_memory *memory = &facts->memory;
	enum resource_kind kind = kind_of(facts);

	(void)err;
	facts->swept |= is_end_of_kind(facts, kind);
	memory->turned = (int)kind + 1;
	memory->listed = memory->opened = memory->wants_list = false;
	ask->kind = ASK_NOTHING;
	return true;
}

/* ---- again: until there is nothing left ---- */

static bool again_met(const struct facts *facts)
{
	return !facts->memory.again;
}

static bool again_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const char *what =
		remove_is_sweep(facts)
			? "Sweeping the project"
			: arena_format(facts->arena, "Deleting the %ss",
				  kind_noun(facts->phase->kind));

	if (phase_wait(facts, what, err) == VERDICT_FAILED)
		return false;
	return phase_ask_later(facts, ask, facts->wait_ms);
}

/* ---- hold: what stays as long as somebody wants it to ---- */

static const struct fact_resource *first_held(const struct facts *facts)
{
	for (size_t i = 0; i < facts->resource_count; i++)
		if (facts->resources[i].change != CHANGE_REMOVE &&
			facts->resources[i].held &&
			sees_to(facts, facts->resources[i].resource.kind))
			return &facts->resources[i];
	return NULL;
}

/* Others need the phases of these, and go on; the network waits for them. */
static bool hold_met(const struct facts *facts)
{
	if (remove_is_member(facts->phase->kind))
		return true;
	return !facts->memory.neighbours && !first_held(facts);
}

/* "server 'bastion' (id 5)"; a name is not always known. */
static const char *call_it(
	const struct facts *facts, const struct resource *resource)
{
	bool named = resource->name[0];

	return arena_format(facts->arena, "%s %s%s%s(id %lld)",
		kind_noun(resource->kind), named ? "'" : "", resource->name,
		named ? "' " : "", (long long)resource->id);
}

static const char *list_neighbours(const struct facts *facts)
{
	enum { TOLD_MOST = 3 };
	const char *text = "";
	size_t count = 0;

	for (size_t i = 0; i < facts->kept_count; i++) {
		const struct kept *kept = &facts->kept[i];
		if (kept->stay == STAY_NEIGHBOUR && ++count <= TOLD_MOST)
			text = arena_format(facts->arena, "%s%s%s", text,
				*text ? ", " : "",
				call_it(facts, &kept->resource));
	}
	return count <= TOLD_MOST
		       ? text
		       : arena_format(facts->arena, "%s and %zu more", text,
				 count - TOLD_MOST);
}

static void note_held(struct facts *facts)
{
	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct fact_resource *fact = &facts->resources[i];
		struct resource resource = fact->resource;
		if (fact->change == CHANGE_REMOVE || !fact->held)
			continue;
		resource.why = "the cluster's, but protected from deletion";
		facts_keep(facts, &resource, STAY_PROTECTED);
	}
}

static bool hold_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const struct fact_resource *held = first_held(facts);

	(void)ask;
	note_held(facts);
	if (held)
		return err_set(err, ERR_RETRY, "protected",
			"The %s is protected from deletion. Disable its "
			"protection in the Hetzner Console; the deletion then "
			"goes on by itself.",
			call_it(facts, &held->resource));
	return err_set(err, ERR_RETRY, "neighbours",
		"On the cluster's network there is still what is not the "
		"cluster's: %s. Take it off the network; the deletion then "
		"goes on by itself. Or delete the cluster with "
		"--with-neighbours.",
		list_neighbours(facts));
}

const struct step survey_steps[] = {
	ROW(prove),
	ROW(glance),
	ROW(learn),
	ROW(survey),
	ROW(fronts),
	ROW_SILENT(open),
	ROW(list),
	ROW(strangers),
	ROW_SILENT(turn),
	ROW(prices),
	{0},
};

const struct step remove_steps[] = {
	ROW_SILENT(halt),
	ROW(prove),
	ROW(glance),
	ROW(learn),
	ROW(survey),
	ROW(fronts),
	ROW_SILENT(open),
	ROW(list),
	ROW(strangers),
	ROW(note),
	ROW(erase),
	ROW_SILENT(turn),
	ROW_SILENT(again),
	ROW_SILENT(hold),
	{0},
};
