/*
 * Find, claim, recall, create: how everything comes to exist, once, although
 * Hetzner has no idempotency keys. What an earlier attempt may have made is
 * looked up by its labels first; a name that exists already is looked up by
 * name. Two workers that both do this still end with one resource.
 */
#include "parts.h"

#include <byoc/json.h>
#include <stdio.h>
#include <string.h>

/* "control_plane-0": which phase made it. */
static const char *phase_label(const struct facts *facts)
{
	return arena_format(
		facts->arena, "%s-%d", facts->phase->name, facts->index);
}

static bool is_ours(const struct facts *facts, const struct seen *seen)
{
	const char *cluster = seen_label(seen, LABEL_CLUSTER);
	const char *phase = seen_label(seen, LABEL_PHASE);

	return cluster && strcmp(cluster, facts->cluster.id) == 0 && phase &&
	       strcmp(phase, phase_label(facts)) == 0;
}

static struct resource describe(
	const struct facts *facts, const struct seen *seen)
{
	const struct resource *network = facts_recorded(facts, "network", 0);
	struct resource resource = {.kind = facts->phase->kind,
		.id = seen->id,
		.index = facts->index};

	snprintf(resource.name, sizeof resource.name, "%s", seen->name);
	snprintf(resource.phase, sizeof resource.phase, "%s",
		facts->phase->name);
	memcpy(resource.public_address, seen->public_address, ADDRESS_SIZE);
	if (network)
		seen_on_network(seen, network->id, resource.private_address);
	return resource;
}

/* What Hetzner has not finished when it answers to the creation. */
static bool is_awaited(enum resource_kind kind)
{
	return kind == RESOURCE_SERVER || kind == RESOURCE_LOAD_BALANCER;
}

/* With the reply to its creation, the ids of its actions were lost as well. */
static void adopt(struct facts *facts, const struct seen *seen)
{
	struct resource resource = describe(facts, seen);

	if (is_awaited(resource.kind))
		facts->memory.adopted = resource;
	else
		facts_record(facts, &resource);
}

static bool is_there(const struct facts *facts)
{
	return facts->memory.adopted.id || facts_own(facts);
}

/* ---- find: by label, where an earlier attempt may have made it ---- */

bool find_met(const struct facts *facts)
{
	return facts->lease_count <= 1 || facts->memory.looked ||
	       is_there(facts);
}

bool find_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const char *selector = arena_format(facts->arena,
		LABEL_CLUSTER "=%s," LABEL_PHASE "=%s", facts->cluster.id,
		phase_label(facts));

	(void)err;
	request_get(&ask->request, facts->arena,
		"/%s?label_selector=%s&per_page=%d",
		kind_plural(facts->phase->kind),
		request_escape(facts->arena, selector), PER_PAGE);
	return true;
}

static bool older(const struct seen *a, const struct seen *b)
{
	int order = strcmp(a->created, b->created);

	return order < 0 || (order == 0 && a->id < b->id);
}

/*
 * The oldest is ours; the others are deleted first, and then we look again: so
 * that a crash in between forgets none of them.
 */
enum verdict find_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	enum resource_kind kind = facts->phase->kind;
	struct seen oldest = {0}, seen;
	struct found *duplicates = &facts->memory.victims;

	if (reply->class != REPLY_OK)
		return phase_otherwise(facts, reply,
			phase_doing(facts, "Looking for", facts_name(facts)),
			err);
	if (!phase_is_list(reply, kind, err))
		return VERDICT_FAILED;
	for (size_t i = 0; i < reply_list_count(reply, kind); i++) {
		if (!reply_list_resource(reply, kind, i, &seen, err))
			return VERDICT_FAILED;
		if (seen.deleting)
			continue;
		if (oldest.id && older(&oldest, &seen)) {
			found_add(facts->arena, duplicates, seen.id, seen.name);
			continue;
		}
		if (oldest.id)
			found_add(facts->arena, duplicates, oldest.id,
				oldest.name);
		oldest = seen;
	}
	if (!oldest.id)
		facts->memory.looked = true;
	else if (duplicates->count == 0)
		adopt(facts, &oldest);
	return VERDICT_NEXT;
}

/* ---- claim: by name, when create said that it exists ---- */

bool claim_met(const struct facts *facts)
{
	return !facts->memory.collided || is_there(facts);
}

/* An SSH key collides by its fingerprint too, under whatever name. */
bool claim_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	if (facts->phase->kind == RESOURCE_SSH_KEY)
		request_get(&ask->request, facts->arena,
			"/ssh_keys?per_page=%d&page=%d", PER_PAGE,
			phase_page(facts));
	else
		request_get(&ask->request, facts->arena, "/%s?name=%s",
			kind_plural(facts->phase->kind), facts_name(facts));
	return true;
}

/* "ssh-ed25519 AAAA..." without the comment behind it. */
static bool same_key(const struct facts *facts, const struct seen *seen)
{
	struct err ignored = {0};
	struct json_in object = {seen->object, "object", &ignored};
	const char *ours = facts->cluster.ssh_public_key;
	const char *theirs = json_opt_text_ref(&object, "public_key");
	const char *blank = strchr(ours, ' ');

	if (!theirs || !blank)
		return false;
	size_t length = (size_t)(blank + 1 - ours);
	length += strcspn(blank + 1, " ");
	return strncmp(ours, theirs, length) == 0 &&
	       (theirs[length] == ' ' || theirs[length] == '\0');
}

static enum verdict claim(
	struct facts *facts, const struct seen *seen, struct err *err)
{
	if (is_ours(facts, seen)) {
		if (seen->deleting)
			return phase_wait(facts,
				phase_doing(facts, "Replacing", seen->name),
				err);
		adopt(facts, seen);
		return VERDICT_NEXT;
	}
	err_set(err, ERR_REFUSED, "name_taken",
		"The project already has a %s named '%s'%s that does not "
		"belong to this cluster. Rename or remove it, then try again.",
		kind_noun(facts->phase->kind), seen->name,
		strcmp(seen->name, facts_name(facts)) == 0
			? ""
			: ", with the same key,");
	return VERDICT_FAILED;
}

enum verdict claim_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	enum resource_kind kind = facts->phase->kind;
	const char *name = facts_name(facts);
	struct seen seen;

	if (reply->class != REPLY_OK)
		return phase_otherwise(facts, reply,
			phase_doing(facts, "Looking for", name), err);
	if (!phase_is_list(reply, kind, err))
		return VERDICT_FAILED;
	for (size_t i = 0; i < reply_list_count(reply, kind); i++) {
		if (!reply_list_resource(reply, kind, i, &seen, err))
			return VERDICT_FAILED;
		if (strcmp(seen.name, name) == 0 ||
			(kind == RESOURCE_SSH_KEY && same_key(facts, &seen)))
			return claim(facts, &seen, err);
	}
	if (phase_turn_page(facts, reply))
		return VERDICT_NEXT;
	err_set(err, ERR_RETRY, "name_vanished",
		"Hetzner says that the %s '%s' exists, but does not list it.",
		kind_noun(kind), name);
	return VERDICT_FAILED;
}

/* ---- recall: what becomes of that which was adopted ---- */

bool recall_met(const struct facts *facts)
{
	return facts->memory.adopted.id == 0;
}

bool recall_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const struct resource *adopted = &facts->memory.adopted;

	(void)err;
	request_get(&ask->request, facts->arena,
		"/%s/%lld/actions?status=running&status=error&sort=id:desc",
		kind_plural(adopted->kind), (long long)adopted->id);
	return true;
}

/* Recorded as if the reply had come: `await` sees to what runs or failed. */
enum verdict recall_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct resource *adopted = &facts->memory.adopted;

	if (reply->class != REPLY_OK)
		return phase_otherwise(facts, reply,
			phase_doing(facts, "Looking for", adopted->name), err);
	if (!phase_is_action_list(reply, err))
		return VERDICT_FAILED;
	adopted->action_count =
		reply_actions(reply, adopted->actions, COUNT(adopted->actions));
	facts_record(facts, adopted);
	*adopted = (struct resource){0};
	return VERDICT_NEXT;
}

/* ---- create ---- */

bool create_met(const struct facts *facts)
{
	return facts_own(facts);
}

static struct json_object *labels_of(const struct facts *facts)
{
	struct json_object *labels = json_new();

	json_add_text(labels, LABEL_CLUSTER, facts->cluster.id);
	json_add_text(labels, LABEL_PHASE, phase_label(facts));
	json_add_text(labels, LABEL_MANAGED_BY, MANAGED_BY);
	if (facts->phase->role)
		json_add_text(labels, LABEL_ROLE, facts->phase->role);
	return labels;
}

bool create_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	struct json_object *body = json_new();

	json_add_text(body, "name", facts_name(facts));
	json_add(body, "labels", labels_of(facts));
	request_post(&ask->request, facts->arena, body, "/%s",
		kind_plural(facts->phase->kind));
	return facts->phase->describe(
		facts, body, &ask->request.user_data, err);
}

/* The network, the key: whatever it was to be made with or on. */
static enum verdict refuse_gone(
	const struct reply *reply, const char *doing, struct err *err)
{
	err_set(err, ERR_RETRY, "resource_gone",
		"%s: %s. Something that the cluster needs was removed from the "
		"project while the cluster was being made. Delete this cluster "
		"and create it again.",
		doing, reply->message);
	return VERDICT_FAILED;
}

enum verdict create_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	const char *doing = phase_doing(facts, "Creating", facts_name(facts));
	struct seen seen;

	if (reply->class == REPLY_TAKEN) {
		facts->memory.collided = true;
		facts->memory.page = 0;
		return VERDICT_NEXT;
	}
	if (reply->class == REPLY_UNAVAILABLE) {
		reply_fail(reply, doing, err);
		return phase_sold_out(facts, err);
	}
	if (reply->class == REPLY_NOT_FOUND)
		return refuse_gone(reply, doing, err);
	if (reply->class != REPLY_OK)
		return phase_otherwise(facts, reply, doing, err);
	if (!reply_resource(reply, facts->phase->kind, &seen, err))
		return VERDICT_FAILED;
	struct resource made = describe(facts, &seen);
	made.action_count =
		reply_actions(reply, made.actions, COUNT(made.actions));
	facts->memory.begun = made.action_count > 0;
	facts_record(facts, &made);
	return VERDICT_NEXT;
}

const struct step make_steps[] = {STEPS_TO_MAKE, {0}};
