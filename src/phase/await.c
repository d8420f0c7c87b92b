/*
 * Await: what Hetzner does after it has answered. The ids of the actions are
 * recorded, so that any later lease can go on asking; the worker asks for many
 * phases with one request.
 */
#include "parts.h"

#include <string.h>

bool await_met(const struct facts *facts)
{
	const struct resource *own = facts_own(facts);

	return !own || own->action_count == 0;
}

bool await_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const struct resource *own = facts_own(facts);

	(void)err;
	if (facts->memory.begun) {
		pace_note_running(facts);
		return phase_ask_later(facts, ask, phase_wait_ms(facts));
	}
	ask->kind = ASK_ACTIONS;
	memcpy(ask->actions, own->actions, sizeof ask->actions);
	ask->action_count = own->action_count;
	return true;
}

/* Ids that Hetzner no longer knows have long been finished. */
static size_t count_running(
	struct facts *facts, const struct reply *reply, struct err *broken)
{
	const struct resource *own = facts_own(facts);
	struct resource left = *own;

	left.action_count = 0;
	for (size_t i = 0; i < own->action_count; i++) {
		int64_t id = own->actions[i];
		if (reply_action_status(reply, id, broken) == ACTION_RUNNING)
			left.actions[left.action_count++] = id;
	}
	if (left.action_count < own->action_count && broken->kind == ERR_NONE)
		facts_record(facts, &left);
	return left.action_count;
}

enum verdict await_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	const char *doing = phase_doing(facts, "Creating", facts_name(facts));
	struct err *broken = &facts->memory.broken;

	if (reply->class != REPLY_OK)
		return phase_otherwise(facts, reply, doing, err);
	if (!phase_is_action_list(reply, err))
		return VERDICT_FAILED;
	size_t running = count_running(facts, reply, broken);
	if (broken->kind != ERR_NONE)
		return VERDICT_NEXT; /* to be discarded */
	return running ? phase_wait(facts, doing, err) : VERDICT_NEXT;
}
