/*
 * Sold out: the last attempt to make a server that Hetzner has no place for
 * tells the customer which server types it has.
 */
#include "parts.h"

enum verdict phase_sold_out(struct facts *facts, struct err *err)
{
	if (facts->phase->kind != RESOURCE_SERVER ||
		phase_retry_ms(GOAL_PROVISION, facts, err) >= 0)
		return VERDICT_FAILED;
	facts->memory.sold_out = *err;
	facts->memory.page = 0;
	err_clear(err);
	return VERDICT_NEXT;
}

bool others_met(const struct facts *facts)
{
	return facts->memory.sold_out.kind == ERR_NONE;
}

bool others_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	server_types_ask(facts, &ask->request);
	return true;
}

enum verdict others_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	const struct err *why = &facts->memory.sold_out;
	struct err unread = {0};

	if (reply->class == REPLY_OK &&
		server_types_read(facts, reply, &unread)) {
		if (phase_turn_page(facts, reply))
			return VERDICT_NEXT;
		err_set(err, why->kind, why->code, "%s%s", why->text,
			server_types_others(facts));
	} else {
		*err = *why;
	}
	return VERDICT_FAILED;
}
