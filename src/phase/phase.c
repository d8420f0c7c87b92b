/*
 * Running a phase: the first step that is not met asks, and takes the reply.
 * What every step treats alike is treated here, so that a step's `take` sees
 * only what it has to decide.
 */
#include "parts.h"

#include <string.h>

enum {
	WAIT_LEAST_MS = 500,
	WAIT_MOST_MS = 5000,
	RATE_LIMIT_WAIT_MS = 5000,
	PATIENCE_MS = 10 * 60 * 1000,
	RETRIES_MOST = 20,
	UNAVAILABLE_MOST = 10,
};

static const struct step *first_unmet(const struct facts *facts)
{
	const struct step *step = facts->phase->steps;

	while (step->name && step->met(facts))
		step++;
	return step->name ? step : NULL;
}

enum progress phase_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const struct step *step = first_unmet(facts);

	*ask = (struct ask){0};
	facts->memory.asked = step;
	if (!step)
		return PROGRESS_DONE;
	if (!step->ask(facts, ask, err)) {
		request_clear(&ask->request);
		return PROGRESS_FAILED;
	}
	return ask->kind == ASK_WAIT ? PROGRESS_WAITS : PROGRESS_ASKS;
}

enum verdict phase_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	if (reply->class == REPLY_RATE_LIMIT) {
		facts->wait_ms = RATE_LIMIT_WAIT_MS;
		return VERDICT_WAIT;
	}
	if (reply->class == REPLY_CREDENTIAL ||
		reply->class == REPLY_TRANSIENT) {
		reply_fail(reply,
			facts->phase->asks_cluster ? "Asking the cluster"
						   : "Asking Hetzner",
			err);
		return VERDICT_FAILED;
	}
	return facts->memory.asked->take(facts, reply, err);
}

int phase_wait_ms(const struct facts *facts)
{
	int64_t half = facts->age_ms / 2;

	if (half < WAIT_LEAST_MS)
		return WAIT_LEAST_MS;
	return half > WAIT_MOST_MS ? WAIT_MOST_MS : (int)half;
}

enum verdict phase_wait(struct facts *facts, const char *doing, struct err *err)
{
	facts->wait_ms = phase_wait_ms(facts);
	if (facts->age_ms <= PATIENCE_MS)
		return VERDICT_WAIT;
	err_set(err, ERR_RETRY, "still_busy",
		"%s: Hetzner has been busy with it for more than ten minutes.",
		doing);
	return VERDICT_FAILED;
}

bool phase_ask_later(struct facts *facts, struct ask *ask, int wait_ms)
{
	ask->kind = ASK_WAIT;
	facts->wait_ms = wait_ms;
	return true;
}

enum verdict phase_otherwise(struct facts *facts, const struct reply *reply,
	const char *doing, struct err *err)
{
	if (reply->class == REPLY_BUSY)
		return phase_wait(facts, doing, err);
	reply_fail(reply, doing, err);
	return VERDICT_FAILED;
}

bool phase_is_list(
	const struct reply *reply, enum resource_kind kind, struct err *err)
{
	if (reply_is_list(reply, kind))
		return true;
	return err_set(err, ERR_RETRY, "bad_answer",
		"Hetzner's answer holds no list of %ss.", kind_noun(kind));
}

bool phase_is_action_list(const struct reply *reply, struct err *err)
{
	if (reply_is_action_list(reply))
		return true;
	return err_set(err, ERR_RETRY, "bad_answer",
		"Hetzner's answer holds no list of actions.");
}

bool phase_turn_page(struct facts *facts, const struct reply *reply)
{
	facts->memory.page = reply_next_page(reply);
	return facts->memory.page != 0;
}

int phase_page(const struct facts *facts)
{
	return facts->memory.page ? facts->memory.page : 1;
}

const char *kind_noun(enum resource_kind kind)
{
	static const char *const nouns[] = {
		[RESOURCE_LOAD_BALANCER] = "load balancer",
		[RESOURCE_SERVER] = "server",
		[RESOURCE_VOLUME] = "volume",
		[RESOURCE_NETWORK] = "network",
		[RESOURCE_FIREWALL] = "firewall",
		[RESOURCE_PLACEMENT_GROUP] = "placement group",
		[RESOURCE_SSH_KEY] = "SSH key",
		[RESOURCE_PRIMARY_IP] = "primary IP",
	};
	_Static_assert(COUNT(nouns) == RESOURCE_KIND_COUNT, "name every kind");
	return nouns[kind];
}

const char *phase_doing(
	const struct facts *facts, const char *verb, const char *name)
{
	return arena_format(facts->arena, "%s the %s '%s'", verb,
		kind_noun(facts->phase->kind), name);
}

static bool sold_out(const char *code)
{
	return strcmp(code, "resource_unavailable") == 0 ||
	       strcmp(code, "placement_error") == 0;
}

int phase_retry_ms(enum goal goal, const struct err *err, int failures)
{
	static const int waits_ms[] = {500, 1000, 2000, 5000, 15000, 60000};
	size_t i = failures > 0 ? (size_t)failures - 1 : 0;

	if (err->kind != ERR_RETRY)
		return -1;
	int most = sold_out(err->code) ? UNAVAILABLE_MOST : RETRIES_MOST;
	if (goal == GOAL_PROVISION && failures >= most)
		return -1;
	return waits_ms[i < COUNT(waits_ms) ? i : COUNT(waits_ms) - 1];
}
