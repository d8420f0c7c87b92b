/*
 * Is a token good, and may it write? One write that can never succeed tells
 * both: an SSH key without a name. And is it of the project that the clusters
 * are in? One thing of theirs that it can read tells that: a token belongs to
 * one project. Nothing but Hetzner's own word is a verdict on a token; anything
 * else is tried again.
 */
#include "parts.h"

#include <byoc/json.h>

/* ---- form: no request needed ---- */

static bool form_met(const struct facts *facts)
{
	return facts->token && token_well_formed(facts->token);
}

static bool form_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)facts;
	(void)ask;
	return err_set(err, ERR_CREDENTIAL, "malformed_token",
		"This is not a Hetzner Cloud token: one has 64 letters and "
		"digits. Copy it again from Hetzner Console → Security → API "
		"tokens and store it again.");
}

/* ---- clean: should the impossible have been made ---- */

static bool clean_met(const struct facts *facts)
{
	return facts->memory.probe == 0;
}

static bool clean_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	request_delete(&ask->request, facts->arena, "/ssh_keys/%lld",
		(long long)facts->memory.probe);
	return true;
}

static enum verdict clean_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	if (reply->class != REPLY_OK && reply->class != REPLY_NOT_FOUND)
		return phase_otherwise(
			facts, reply, "Removing a nameless SSH key", err);
	facts->memory.probe = 0;
	return VERDICT_NEXT;
}

/* ---- write: refused for its content, not for who asks ---- */

static bool write_met(const struct facts *facts)
{
	return facts->memory.writable;
}

static bool write_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	struct json_object *body = json_new();

	(void)err;
	json_add_text(body, "name", "");
	request_post(&ask->request, facts->arena, body, "/ssh_keys");
	return true;
}

static enum verdict write_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	bool about_content = reply->status == 400 || reply->status == 422;
	struct seen seen;

	if (reply->class == REPLY_REFUSED && about_content) {
		facts->memory.writable = true;
		return VERDICT_NEXT;
	}
	if (reply->class == REPLY_OK) {
		if (!reply_resource(reply, RESOURCE_SSH_KEY, &seen, err))
			return VERDICT_FAILED;
		facts->memory.probe = seen.id;
		facts->memory.writable = true;
		return VERDICT_NEXT;
	}
	err_set(err, ERR_RETRY, "no_verdict",
		"Hetzner's answer tells nothing about the token: %s.",
		reply->message);
	return VERDICT_FAILED;
}

/* ---- project: what is recorded of the clusters is there ---- */

static bool project_met(const struct facts *facts)
{
	return facts->memory.at_home || facts->resource_count == 0;
}

/* What a deletion takes away meanwhile is not recorded any more the next time.
 */
static bool refuse_project(const struct facts *facts, struct err *err)
{
	return err_set(err, facts->failures ? ERR_CREDENTIAL : ERR_RETRY,
		"other_project",
		"This token is of another project than the one that the "
		"clusters of this credential were made in: it finds none of "
		"what they have. Create a Read & Write token in their project "
		"and store it again.");
}

static bool project_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	if (facts->memory.missed == facts->resource_count)
		return refuse_project(facts, err);
	const struct resource *known =
		&facts->resources[facts->memory.missed].resource;
	request_get(&ask->request, facts->arena, "/%s/%lld",
		kind_plural(known->kind), (long long)known->id);
	return true;
}

/* Somebody may have removed one thing, so the next is asked for. */
static enum verdict project_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	if (reply->class == REPLY_NOT_FOUND)
		facts->memory.missed++;
	else if (reply->class == REPLY_OK)
		facts->memory.at_home = true;
	else
		return phase_otherwise(facts, reply,
			"Looking for what the clusters have", err);
	return VERDICT_NEXT;
}

static const struct step credential_steps[] = {
	ROW_SILENT(form),
	ROW(clean),
	ROW(write),
	ROW(project),
	ROW(offers),
	ROW(inventory),
	ROW(inventory_prices),
	ROW(price_list),
	{0},
};

const struct phase credential_phase = {
	.name = "credential",
	.steps = credential_steps,
	.kind = RESOURCE_KIND_COUNT,
	.opens_secrets = true,
};
