/*
 * What answers show, judged: by its marks (belongs.c) something goes with the
 * cluster, and is recorded before it is deleted; or stays and is noted; or is
 * none of our business. A label is looked at again, even where Hetzner was
 * asked for it.
 */
#include "belongs.h"
#include "parts.h"

#include <byoc/json.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#define LABEL_DRIVER "managed-by"
#define DRIVER "csi-driver"

bool remove_is_member(enum resource_kind kind)
{
	return kind == RESOURCE_LOAD_BALANCER || kind == RESOURCE_SERVER;
}

bool remove_is_sweep(const struct facts *facts)
{
	return facts->phase->kind == RESOURCE_KIND_COUNT;
}

static bool is_known(
	const struct facts *facts, enum resource_kind kind, int64_t id)
{
	const struct fact_resource *fact = facts_with_id(facts, kind, id);

	return fact && !remove_is_candidate(fact);
}

bool remove_is_recorded(const struct facts *facts, enum resource_kind kind)
{
	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct fact_resource *fact = &facts->resources[i];
		if (fact->change != CHANGE_REMOVE &&
			fact->resource.kind == kind &&
			!remove_is_candidate(fact))
			return true;
	}
	return false;
}

/* ---- Marks ---- */

static bool is_on_known_network(
	const struct facts *facts, const struct seen *seen)
{
	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct resource *known = &facts->resources[i].resource;
		if (known->kind == RESOURCE_NETWORK &&
			seen_on_network(seen, known->id, NULL))
			return true;
	}
	return false;
}

/* By the network's word or its own: who is asked first depends. */
static bool is_member(const struct facts *facts, enum resource_kind kind,
	const struct seen *seen)
{
	if (!remove_is_member(kind))
		return false;
	return found_has(&facts->memory.members[kind], seen->id) ||
	       is_on_known_network(facts, seen);
}

/* Of a balancer. */
struct targets {
	size_t count;
	size_t ours;
	size_t others; /* servers that are not known to be ours */
};

static struct targets count_targets(
	const struct facts *facts, const struct seen *seen)
{
	struct err ignored = {0};
	struct json_in object = {seen->object, "load_balancer", &ignored};
	struct json_in target, server;
	struct targets targets = {.count = json_count(&object, "targets")};

	for (size_t i = 0; i < targets.count; i++) {
		int64_t id = 0;
		if (!json_element(&object, "targets", i, &target) ||
			!json_opt_into(&target, "server", &server))
			continue;
		json_opt_i64(&server, "id", &id);
		if (is_known(facts, RESOURCE_SERVER, id))
			targets.ours++;
		else
			targets.others++;
	}
	return targets;
}

/* Marks of a balancer by its targets: all are ours, or some. */
static unsigned marks_of_targets(
	const struct facts *facts, const struct seen *seen)
{
	struct targets targets = count_targets(facts, seen);

	if (targets.ours == 0)
		return 0;
	return targets.ours == targets.count ? MARK_FRONT : MARK_SHARED;
}

static unsigned marks_of_labels(
	const struct facts *facts, const struct seen *seen)
{
	const char *cluster = seen_label(seen, LABEL_CLUSTER);
	const char *manager = seen_label(seen, LABEL_DRIVER);
	unsigned marks = 0;

	if (cluster)
		marks |= strcmp(cluster, facts->cluster.id) == 0 ? MARK_OURS
								 : MARK_OTHERS;
	if (seen_label(seen, LABEL_CONTROLLER))
		marks |= MARK_CONTROLLER;
	if (seen_label(seen, LABEL_SCALER))
		marks |= MARK_SCALER;
	if (manager && strcmp(manager, DRIVER) == 0)
		marks |= MARK_DRIVER;
	return marks;
}

static unsigned marks_of(const struct facts *facts, enum resource_kind kind,
	const struct seen *seen)
{
	const struct fact_resource *fact = facts_with_id(facts, kind, seen->id);
	unsigned marks = marks_of_labels(facts, seen);

	if (fact)
		marks |= remove_is_candidate(fact) ? MARK_AT_OURS
						   : MARK_RECORDED;
	if (kind == RESOURCE_CERTIFICATE &&
		!remove_is_of_our_service(facts, seen))
		marks &= ~(unsigned)MARK_CONTROLLER;
	if (remove_users_of(facts, kind, seen).others)
		marks |= MARK_SHARED;
	if (is_member(facts, kind, seen))
		marks |= MARK_MEMBER;
	if (kind == RESOURCE_LOAD_BALANCER)
		marks |= marks_of_targets(facts, seen) |
			 (remove_is_made_anew(facts, seen) ? MARK_ANEW : 0);
	if (facts->removal.with_neighbours)
		marks |= MARK_WANTED;
	return marks;
}

/* ---- Verdicts ---- */

static struct resource describe(enum resource_kind kind,
	const struct seen *seen, const char *phase, int index, const char *why)
{
	struct resource resource = {
		.kind = kind, .id = seen->id, .index = index, .why = why};

	snprintf(resource.name, sizeof resource.name, "%s", seen->name);
	snprintf(resource.phase, sizeof resource.phase, "%s", phase);
	return resource;
}

/* The labels of a kept volume: not ours any more, but whose it was. */
static const char *labels_to_keep(
	const struct facts *facts, const struct seen *seen)
{
	struct json_object *labels = json_new();

	if (seen->labels) {
		json_object_object_foreach(seen->labels, key, value)
		{
			if (strcmp(key, LABEL_CLUSTER) != 0)
				json_add_text(labels, key,
					json_object_get_string(value));
		}
	}
	json_add_text(labels, LABEL_KEPT, facts->cluster.id);
	const char *text = arena_copy_text(facts->arena, json_write(labels));
	json_free(labels);
	return text;
}

/* Not in this lease, but in one after it. */
static void put_off(struct facts *facts, enum resource_kind kind, int64_t id)
{
	facts_with_id(facts, kind, id)->tried = true;
	facts->memory.again = facts->memory.leaving = true;
}

/* Once it is gone, nobody tells what was at it, nor where it led to. */
static void take_balancer(struct facts *facts, const struct seen *seen)
{
	if (remove_add_certificates(facts, seen))
		put_off(facts, RESOURCE_LOAD_BALANCER, seen->id);
	if (count_targets(facts, seen).others > 0)
		facts->memory.more_servers = true;
}

/* Recorded before it is deleted: what was found once is not lost again. */
static void take(struct facts *facts, enum resource_kind kind,
	const struct seen *seen, const char *why)
{
	const char *phase = kind_plural(kind);

	remove_drop_candidate(facts, kind, seen->id);
	if (!facts_with_id(facts, kind, seen->id)) {
		struct resource resource = describe(
			kind, seen, phase, facts_next_index(facts, phase), why);
		if (kind == RESOURCE_LOAD_BALANCER)
			resource.service = remove_service_of(facts, seen);
		facts_record(facts, &resource);
	}
	struct fact_resource *fact = facts_with_id(facts, kind, seen->id);
	fact->seen = true;
	bill_read(seen, &fact->bill);
	fact->held = fact->tried = seen->protected_from_deletion;
	fact->attached = seen->server && (kind == RESOURCE_VOLUME ||
						 kind == RESOURCE_FLOATING_IP);
	if (kind == RESOURCE_VOLUME && facts->removal.keep_volumes) {
		fact->held = fact->tried = false;
		fact->to_keep = true;
		fact->labels = labels_to_keep(facts, seen);
	}
	if (kind == RESOURCE_LOAD_BALANCER)
		take_balancer(facts, seen);
}

/*
 * A server that is on its way out already is only waited for: asked to delete
 * it once more, Hetzner might say that it is gone, as if others had done it.
 */
static bool is_leaving(struct facts *facts, const struct seen *seen)
{
	if (!seen->deleting)
		return false;
	facts->memory.again = true;
	facts->memory.leaving = true;
	found_add(facts->arena, &facts->memory.judged[RESOURCE_SERVER],
		seen->id, "");
	return true;
}

/* What is lent may pass into the use of others after it was recorded. */
static void forget(struct facts *facts, enum resource_kind kind, int64_t id)
{
	struct fact_resource *fact = facts_with_id(facts, kind, id);

	if (fact && (remove_is_lent(kind) || remove_is_candidate(fact)))
		fact->change = CHANGE_REMOVE;
}

/*
 * The load balancers' phase is the first to look, and long before the network
 * is to go: who is still on it then is told by the network's own phase.
 */
static void leave(struct facts *facts, enum resource_kind kind,
	const struct seen *seen, const struct belonging *line)
{
	bool in_the_way = line->belongs == STAYS_IN_THE_WAY;
	struct resource resource =
		describe(kind, seen, kind_plural(kind), 0, line->why);

	forget(facts, kind, seen->id);
	found_add(facts->arena, &facts->memory.judged[kind], seen->id, "");
	if (line->belongs == IS_STRANGE ||
		(in_the_way && facts->phase->kind == RESOURCE_LOAD_BALANCER))
		return;
	struct kept *kept = facts_keep(
		facts, &resource, in_the_way ? STAY_NEIGHBOUR : STAY_FOR_GOOD);
	bill_read(seen, &kept->bill);
	facts->memory.neighbours |= in_the_way;
}

/*
 * A certificate that is in use is for the sweep to judge, after the last
 * balancer: one that is protected, or that Kubernetes has made meanwhile, may
 * have it. A survey judges at once.
 */
static bool is_in_use_yet(const struct facts *facts, enum resource_kind kind,
	const struct seen *seen)
{
	struct remove_users users = remove_users_of(facts, kind, seen);

	if (kind != RESOURCE_CERTIFICATE || facts->phase->surveys)
		return false;
	return users.ours || (users.others && !remove_is_sweep(facts));
}

static void leave_undecided(
	struct facts *facts, enum resource_kind kind, int64_t id)
{
	struct fact_resource *fact = facts_with_id(facts, kind, id);

	found_add(facts->arena, &facts->memory.judged[kind], id, "");
	if (fact)
		fact->tried = true;
}

/* Its own ones tell of what is at them; a neighbour that goes does not. */
static bool has_companions(enum resource_kind kind, unsigned marks)
{
	return kind == RESOURCE_SERVER &&
	       marks & (MARK_OURS | MARK_RECORDED | MARK_SCALER);
}

static void judge(
	struct facts *facts, enum resource_kind kind, const struct seen *seen)
{
	unsigned marks = marks_of(facts, kind, seen);
	const struct belonging *line = belonging_of(kind, marks);

	if (is_in_use_yet(facts, kind, seen)) {
		leave_undecided(facts, kind, seen->id);
		return;
	}
	if (line->belongs != GOES) {
		leave(facts, kind, seen, line);
		return;
	}
	if (has_companions(kind, marks))
		remove_add_companions(facts, seen);
	if (!is_leaving(facts, seen))
		take(facts, kind, seen, line->why);
}

/* ---- Answers ---- */

bool remove_learn_listed(struct facts *facts, enum resource_kind kind,
	const struct reply *reply, struct err *err)
{
	struct seen seen;

	if (!phase_is_list(reply, kind, err))
		return false;
	size_t count = reply_list_count(reply, kind);
	for (size_t i = 0; i < count; i++) {
		if (!reply_list_resource(reply, kind, i, &seen, err))
			return false;
		judge(facts, kind, &seen);
	}
	return true;
}

static void learn_network(struct facts *facts, const struct seen *seen)
{
	struct found *members = facts->memory.members;
	struct err ignored = {0};
	struct json_in in = {seen->object, "network", &ignored};

	judge(facts, RESOURCE_NETWORK, seen);
	if (!is_known(facts, RESOURCE_NETWORK, seen->id))
		return;
	remove_add_ids(
		facts, &in, "load_balancers", &members[RESOURCE_LOAD_BALANCER]);
	remove_add_ids(facts, &in, "servers", &members[RESOURCE_SERVER]);
}

bool remove_learn_one(struct facts *facts, enum resource_kind kind, int64_t id,
	const struct reply *reply, struct err *err)
{
	struct seen seen;

	if (reply->class == REPLY_NOT_FOUND) {
		remove_drop_candidate(facts, kind, id);
		found_add(facts->arena, &facts->memory.judged[kind], id, "");
		return true;
	}
	if (!reply_resource(reply, kind, &seen, err))
		return false;
	if (kind == RESOURCE_NETWORK)
		learn_network(facts, &seen);
	else
		judge(facts, kind, &seen);
	/* Whatever the answer says its id is, this one has been asked for. */
	found_add(facts->arena, &facts->memory.judged[kind], id, "");
	return true;
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
		learn_network(facts, &seen);
	}
	return true;
}

bool remove_is_proof(const struct reply *reply, enum resource_kind kind,
	const struct facts *facts)
{
	struct err ignored = {0};
	struct seen seen;
	size_t count = reply_list_count(reply, kind);

	for (size_t i = 0; i < count; i++)
		if (reply_list_resource(reply, kind, i, &seen, &ignored) &&
			marks_of_labels(facts, &seen) & MARK_OURS)
			return true;
	return false;
}

/* ---- What is left to be looked at ---- */

/* What was deleted in this lease may still be in a list that is older. */
static bool is_judged(
	const struct facts *facts, enum resource_kind kind, int64_t id)
{
	for (size_t i = 0; i < facts->resource_count; i++)
		if (facts->resources[i].resource.kind == kind &&
			facts->resources[i].resource.id == id &&
			!remove_is_candidate(&facts->resources[i]))
			return true;
	return found_has(&facts->memory.judged[kind], id);
}

static bool first_unjudged(const struct facts *facts, enum resource_kind kind,
	const struct found *found, int64_t *id)
{
	for (size_t i = 0; i < found->count; i++) {
		*id = found->items[i].id;
		if (!is_judged(facts, kind, *id))
			return true;
	}
	return false;
}

bool remove_has_unknown_fronts(const struct facts *facts)
{
	enum resource_kind kind = RESOURCE_LOAD_BALANCER;
	int64_t id;

	return first_unjudged(facts, kind, &facts->memory.members[kind], &id) ||
	       first_unjudged(facts, kind, &facts->memory.fronts, &id);
}

/*
 * A server that a teardown has found by itself was looked at when it was
 * recorded, and what is at it was recorded with it. Who is on a network is seen
 * there and nowhere else.
 */
int64_t remove_next_unlabelled(
	const struct facts *facts, enum resource_kind kind)
{
	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct fact_resource *fact = &facts->resources[i];
		if (fact->resource.kind == kind && !fact->seen &&
			fact->change != CHANGE_REMOVE &&
			(kind == RESOURCE_NETWORK ||
				strcmp(fact->resource.phase,
					kind_plural(kind)) != 0) &&
			!found_has(
				&facts->memory.judged[kind], fact->resource.id))
			return fact->resource.id;
	}
	return 0;
}

/* A sweep has listed the kinds up to the one at hand by now. */
static bool is_its_turn(const struct facts *facts, enum resource_kind kind)
{
	return remove_is_sweep(facts) ? (int)kind <= facts->memory.turned
				      : facts->phase->kind == kind;
}

/*
 * A survey tells of nothing that it has not seen; and what is lent is looked at
 * before each attempt to delete it, for others may have taken it meanwhile.
 */
static bool is_unseen(
	const struct facts *facts, const struct fact_resource *fact)
{
	enum resource_kind kind = fact->resource.kind;

	if (found_has(&facts->memory.judged[kind], fact->resource.id))
		return false;
	return remove_is_candidate(fact) ||
	       ((facts->phase->surveys || remove_is_lent(kind)) && !fact->seen);
}

static bool next_candidate(
	const struct facts *facts, enum resource_kind *kind, int64_t *id)
{
	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct fact_resource *fact = &facts->resources[i];
		if (fact->change == CHANGE_REMOVE || !is_unseen(facts, fact) ||
			!is_its_turn(facts, fact->resource.kind))
			continue;
		*kind = fact->resource.kind;
		*id = fact->resource.id;
		return true;
	}
	return false;
}

bool remove_next_stranger(
	const struct facts *facts, enum resource_kind *kind, int64_t *id)
{
	static const enum resource_kind kinds[] = {
		RESOURCE_LOAD_BALANCER, RESOURCE_SERVER};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		*kind = kinds[i];
		if (remove_is_sweep(facts) && !is_its_turn(facts, *kind))
			continue;
		if (first_unjudged(
			    facts, *kind, &facts->memory.members[*kind], id))
			return true;
	}
	return next_candidate(facts, kind, id);
}
