/*
 * Discard: duplicates are deleted before the oldest is adopted, and what did
 * not come to life is deleted and forgotten, so that the next attempt makes it
 * anew.
 */
#include "parts.h"

#include <string.h>

bool discard_met(const struct facts *facts)
{
	return facts->memory.victims.count == 0 &&
	       facts->memory.broken.kind == ERR_NONE;
}

bool discard_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const struct found *duplicates = &facts->memory.victims;
	int64_t id = duplicates->count
			     ? duplicates->items[duplicates->count - 1].id
			     : facts_own(facts)->id;

	(void)err;
	request_delete(&ask->request, facts->arena, "/%s/%lld",
		kind_plural(facts->phase->kind), (long long)id);
	return true;
}

/* Sold out keeps its code: it has a limit and a sentence of its own. */
static const char *code_of(const struct err *broken)
{
	return strcmp(broken->code, "resource_unavailable") == 0 ||
			       strcmp(broken->code, "placement_error") == 0
		       ? broken->code
		       : "action_failed";
}

enum verdict discard_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	const struct err *broken = &facts->memory.broken;

	if (reply->class != REPLY_OK && reply->class != REPLY_NOT_FOUND)
		return phase_otherwise(facts, reply,
			phase_doing(facts, "Replacing", facts_name(facts)),
			err);
	if (facts->memory.victims.count) {
		facts->memory.victims.count--;
		return VERDICT_NEXT;
	}
	facts_remove(facts, facts->phase->name, facts->index);
	err_set(err, ERR_RETRY, code_of(broken),
		"Hetzner could not finish the %s '%s' (%s). It was removed, "
		"to be made again.",
		kind_noun(facts->phase->kind), facts_name(facts), broken->text);
	return strcmp(err->code, "action_failed") == 0
		       ? VERDICT_FAILED
		       : phase_sold_out(facts, err);
}
