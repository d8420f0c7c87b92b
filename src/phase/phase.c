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
	/* Attempts of a provisioning; the last ones come each minute. */
	RETRIES_MOST = 20,
	OUTAGES_MOST = 6 * 60 + RETRIES_MOST,
	SURVEYS_MOST = 5, /* somebody waits for its answer */
};

static const char *const fate_text[] = {
	[FATE_NONE] = "none",
	[FATE_DELETED] = "deleted",
	[FATE_GONE] = "gone",
	[FATE_KEPT] = "kept",
};
_Static_assert(COUNT(fate_text) == FATE_COUNT, "name every fate");
const struct words fate_words = {"fate", fate_text, FATE_COUNT};

struct request *ask_nth(struct ask *ask, size_t n)
{
	return n ? &ask->more[n - 1] : &ask->request;
}

void ask_clear(struct ask *ask)
{
	for (size_t n = 0; n <= ask->more_count; n++)
		request_clear(ask_nth(ask, n));
	ask->more_count = 0;
}

static const struct step *first_unmet(const struct facts *facts)
{
	const struct step *step = facts->phase->steps;

	while (step->name && step->met(facts))
		step++;
	return step->name ? step : NULL;
}

enum progress phase_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	do {
		const struct step *step = first_unmet(facts);

		*ask = (struct ask){0};
		facts->memory.asked = step;
		if (!step) {
			pace_note_over(facts);
			return PROGRESS_DONE;
		}
		if (!step->ask(facts, ask, err)) {
			ask_clear(ask);
			return PROGRESS_FAILED;
		}
	} while (ask->kind == ASK_NOTHING);
	if (!facts->memory.looked_ms)
		facts->memory.looked_ms = facts->age_ms;
	facts->memory.asked_cluster = ask->request.server != NULL;
	facts->memory.makes = facts->phase->describe &&
			      ask->kind == ASK_REQUEST &&
			      ask->request.method == METHOD_POST;
	return ask->kind == ASK_WAIT ? PROGRESS_WAITS : PROGRESS_ASKS;
}

enum verdict phase_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	bool of_cluster = facts->memory.asked_cluster;
	bool lost = reply->class == REPLY_TRANSIENT;

	if (reply->class == REPLY_RATE_LIMIT && !of_cluster) {
		facts->wait_ms = RATE_LIMIT_WAIT_MS;
		return VERDICT_WAIT;
	}
	facts->outage = lost && !of_cluster;
	facts->unanswered = lost && facts->memory.makes;
	if (facts->outage || reply->class == REPLY_CREDENTIAL) {
		reply_fail(reply, "Asking Hetzner", err);
		return VERDICT_FAILED;
	}
	return facts->memory.asked->take(facts, reply, err);
}

enum verdict phase_take_all(struct facts *facts, const struct reply *replies,
	size_t count, struct err *err)
{
	enum verdict worst = VERDICT_NEXT;
	bool outage = false, unanswered = false;

	for (size_t i = 0; i < count; i++) {
		struct err own = {0};
		facts->memory.nth = i;
		enum verdict verdict = phase_take(facts, &replies[i], &own);
		unanswered |= facts->unanswered;
		if (verdict <= worst)
			continue;
		worst = verdict;
		outage = facts->outage;
		*err = own;
	}
	facts->memory.nth = 0;
	facts->outage = outage;
	facts->unanswered = unanswered;
	return worst;
}

int phase_wait_ms(const struct facts *facts)
{
	int64_t half = facts->age_ms / 2;

	if (pace_is_known(facts))
		return pace_wait_ms(facts);
	if (half < WAIT_LEAST_MS)
		return WAIT_LEAST_MS;
	return half > WAIT_MOST_MS ? WAIT_MOST_MS : (int)half;
}

enum verdict phase_wait(struct facts *facts, const char *doing, struct err *err)
{
	pace_note_running(facts);
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

void phase_ask_list(const struct facts *facts, struct request *request,
	enum resource_kind kind, int page)
{
	request_get(request, facts->arena,
		"/%s?label_selector=%s&per_page=%d&page=%d", kind_plural(kind),
		facts_cluster_selector(facts), PER_PAGE, page);
}

void phase_ask_beside(struct facts *facts, struct ask *ask, size_t count)
{
	ask->more_count = count - 1;
	ask->more = arena_take(facts->arena, count * sizeof *ask->more);
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
		[RESOURCE_FLOATING_IP] = "floating IP",
		[RESOURCE_CERTIFICATE] = "certificate",
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

static int most_attempts(const struct facts *facts, const struct err *err)
{
	static const struct {
		const char *code;
		int most;
	} limits[] = {
		{"resource_unavailable", 10},
		{"placement_error", 10},
		{"resource_gone", 5},
	};

	if (facts->outage)
		return OUTAGES_MOST;
	for (size_t i = 0; i < COUNT(limits); i++)
		if (strcmp(limits[i].code, err->code) == 0)
			return limits[i].most;
	return RETRIES_MOST;
}

/* Until a person does something about it. */
static bool is_a_persons_turn(const struct err *err)
{
	static const char *const codes[] = {
		"neighbours", "protected", "other_project"};

	for (size_t i = 0; i < COUNT(codes); i++)
		if (strcmp(codes[i], err->code) == 0)
			return true;
	return false;
}

int phase_retry_ms(
	enum goal goal, const struct facts *facts, const struct err *err)
{
	static const int waits_ms[] = {500, 1000, 2000, 5000, 15000, 60000};
	static const int more_ms[] = {5 * 60000, 15 * 60000, 60 * 60000};
	int before = facts->outage ? facts->outages : facts->failures;
	int beyond = before - (int)COUNT(waits_ms);

	if (err->kind != ERR_RETRY)
		return -1;
	if ((goal == GOAL_PROVISION || goal == GOAL_REPAIR) &&
		before + 1 >= most_attempts(facts, err))
		return -1;
	if (goal == GOAL_SURVEY &&
		(is_a_persons_turn(err) || before + 1 >= SURVEYS_MOST))
		return -1;
	if (beyond < 0)
		return waits_ms[before];
	if (is_a_persons_turn(err))
		return more_ms[0];
	if (goal != GOAL_REFRESH)
		return waits_ms[COUNT(waits_ms) - 1];
	return more_ms[beyond < (int)COUNT(more_ms) ? beyond
						    : (int)COUNT(more_ms) - 1];
}
