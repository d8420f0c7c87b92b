/* What a teardown's list costs a month: Hetzner's own price list, net. */
#include "parts.h"

#include <byoc/json.h>

bool prices_met(const struct facts *facts)
{
	return facts->memory.priced;
}

bool prices_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	ask->shared = true;
	request_get(&ask->request, facts->arena, "/pricing");
	return true;
}

enum verdict prices_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct err ignored = {0};
	struct json_in root = {reply->body, "answer", &ignored}, pricing;

	if (reply->class != REPLY_OK)
		return phase_otherwise(facts, reply, "Asking for prices", err);
	if (!json_opt_into(&root, "pricing", &pricing)) {
		err_set(err, ERR_RETRY, "bad_answer",
			"Hetzner's answer holds no prices.");
		return VERDICT_FAILED;
	}
	json_opt_text(
		&pricing, "currency", facts->currency, sizeof facts->currency);
	for (size_t i = 0; i < facts->resource_count; i++)
		bill_price(&pricing, facts->resources[i].resource.kind,
			&facts->resources[i].bill);
	for (size_t i = 0; i < facts->kept_count; i++)
		bill_price(&pricing, facts->kept[i].resource.kind,
			&facts->kept[i].bill);
	facts->memory.priced = true;
	return VERDICT_NEXT;
}
