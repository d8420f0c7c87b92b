/*
 * Prepare: what has to be settled before the first resource is made. Which
 * server types the cluster gets, so that nothing is made that could not be
 * finished; its keys; and what of an earlier run is not there any more, or not
 * as it was made.
 */
#include "parts.h"

/* ---- server_type: the customer's is checked, or one is chosen ---- */

/* The gateway's is chosen here in any case, so it tells that this was done. */
static bool server_type_met(const struct facts *facts)
{
	return facts->cluster.gateway_type[0] != '\0';
}

static bool server_type_ask(
	struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	server_types_ask(facts, &ask->request);
	return true;
}

static enum verdict server_type_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	if (reply->class != REPLY_OK)
		return phase_otherwise(
			facts, reply, "Reading the server types", err);
	if (!server_types_read(facts, reply, err))
		return VERDICT_FAILED;
	if (phase_turn_page(facts, reply))
		return VERDICT_NEXT;
	return server_types_choose(facts, err) ? VERDICT_NEXT : VERDICT_FAILED;
}

/* ---- keys: SSH key, certificate authorities, join token ---- */

static bool keys_met(const struct facts *facts)
{
	return facts->cluster.ssh_public_key[0] != '\0';
}

static bool keys_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)facts;
	(void)err;
	ask->kind = ASK_KEYS;
	return true;
}

static enum verdict keys_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	(void)reply;
	if (!keys_met(facts)) {
		err_set(err, ERR_BUG, "no_keys",
			"The cluster's keys were not made.");
		return VERDICT_FAILED;
	}
	facts->cluster_changed = true;
	return VERDICT_NEXT;
}

const struct step prepare_steps[] = {
	ROW(server_type),
	ROW(keys),
	ROW(look),
	ROW_SILENT(mend),
	ROW(restore),
	{0},
};
