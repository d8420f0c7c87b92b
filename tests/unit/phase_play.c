/* What a worker and its database amount to: see the header. */
#include "phase_play.h"

#include <sodium.h>
#include <string.h>

void play_begin(struct play *play, struct fake *fake, enum cut cut, int cut_at)
{
	cr_assert_geq(sodium_init(), 0);
	*play = (struct play){.fake = fake, .cut = cut, .cut_at = cut_at};
	secret_set(&play->token, TEST_TOKEN, strlen(TEST_TOKEN));
	secret_set(
		&play->authorities, test_authorities, strlen(test_authorities));
	secret_set(&play->join_token, "join", 4);
	play->cluster = (struct cluster){.id = CLUSTER_ID,
		.name = "demo",
		.location = LOCATION_FSN1,
		.type = CLUSTER_DEDICATED_HA,
		.workers = 2,
		.api_sources = "0.0.0.0/0,::/0"};
}

void play_end(struct play *play)
{
	secret_clear(&play->token);
	secret_clear(&play->authorities);
	secret_clear(&play->join_token);
}

void play_load(struct play *play, struct facts *facts)
{
	for (size_t i = 0; i < play->stored_count; i++)
		facts_add(facts, &play->stored[i].resource);
}

static void tell(struct play *play, const struct fact_resource *fact)
{
	if (fact->fate != FATE_DELETED && fact->fate != FATE_GONE)
		return;
	cr_assert_lt(play->told_count, PLAY_TOLD);
	play->told[play->told_count].kind = fact->resource.kind;
	play->told[play->told_count++].id = fact->resource.id;
}

void play_store(struct play *play, const struct facts *facts)
{
	play->stored_count = 0;
	for (size_t i = 0; i < facts->resource_count; i++)
		if (facts->resources[i].change == CHANGE_REMOVE)
			tell(play, &facts->resources[i]);
	for (size_t i = 0; i < facts->resource_count; i++)
		if (facts->resources[i].change != CHANGE_REMOVE)
			play->stored[play->stored_count++] =
				facts->resources[i];
	play->cluster = facts->cluster;
}

static bool cut_here(struct play *play, enum cut cut)
{
	return play->cut == cut && play->requests == play->cut_at;
}

/* What is recorded so far; what was taken away is stored later. */
static void note(struct play *play, const struct facts *facts)
{
	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct fact_resource *fact = &facts->resources[i];
		size_t n = 0;

		if (fact->change != CHANGE_RECORD)
			continue;
		while (n < play->stored_count &&
			(strcmp(play->stored[n].resource.phase,
				 fact->resource.phase) != 0 ||
				play->stored[n].resource.index !=
					fact->resource.index))
			n++;
		play->stored[n] = *fact;
		play->stored_count += n == play->stored_count;
	}
}

/* Sends what is asked; false: the worker died over it. */
bool play_send(struct play *play, struct facts *facts, const struct ask *ask,
	struct reply *reply)
{
	if (ask->kind == ASK_NOTE) {
		note(play, facts);
		*reply = (struct reply){.class = REPLY_OK};
		return true;
	}
	if (ask->kind == ASK_KEYS) {
		strcpy(facts->cluster.ssh_public_key, TEST_KEY);
		*reply = (struct reply){.class = REPLY_OK};
		return true;
	}
	if (play->meddle)
		play->meddle(play->requests);
	play->requests++;
	play->shared += ask->shared;
	if (cut_here(play, CUT_BEFORE_REQUEST))
		return false;
	if (ask->kind == ASK_ACTIONS)
		fake_answer_actions(
			play->fake, ask->actions, ask->action_count, reply);
	else if (!play->hinder || !play->hinder(&ask->request, reply))
		fake_answer(play->fake, &ask->request, reply);
	if (cut_here(play, CUT_AFTER_REQUEST)) {
		reply_clear(reply);
		return false;
	}
	if (cut_here(play, CUT_ANSWER)) {
		reply_clear(reply);
		reply_lost(reply, "timeout");
	}
	return true;
}

/* Requests beside each other, one by one: how many got a reply before the
 * worker died, if it did. */
static size_t send_all(struct play *play, struct facts *facts,
	const struct ask *ask, struct reply *replies)
{
	struct ask one = *ask;
	size_t count = 0;

	while (count <= ask->more_count &&
		play_send(play, facts, &one, &replies[count]))
		if (++count <= ask->more_count)
			one.request = ask->more[count - 1];
	return count;
}

/* A failure is tried again, unless the test allows its cluster to fail. */
static void judge(struct play *play, enum goal goal, const struct facts *facts,
	const struct err *err)
{
	if (phase_retry_ms(goal, facts, err) >= 0)
		return;
	cr_assert(play->may_fail, "%s: %s %s", facts->phase->name, err->code,
		err->text);
	play->failed = true;
}

/* One lease; returns whether the phase is done. */
static bool run_lease(struct play *play, enum goal goal, struct facts *facts)
{
	struct ask ask;
	struct reply replies[ASK_MOST];
	struct err err = {0};

	for (;;) {
		enum progress progress = phase_ask(facts, &ask, &err);
		if (progress != PROGRESS_ASKS) {
			if (progress == PROGRESS_FAILED)
				judge(play, goal, facts, &err);
			if (play->cut == CUT_STORE &&
				++play->requests == play->cut_at)
				return false;
			play_store(play, facts);
			return progress == PROGRESS_DONE;
		}
		size_t count = send_all(play, facts, &ask, replies);
		bool alive = count > ask.more_count;
		ask_clear(&ask);
		enum verdict verdict = VERDICT_NEXT;
		if (alive)
			verdict = phase_take_all(facts, replies, count, &err);
		while (count)
			reply_clear(&replies[--count]);
		if (!alive)
			return false;
		if (verdict == VERDICT_NEXT)
			continue;
		if (verdict == VERDICT_FAILED)
			judge(play, goal, facts, &err);
		play_store(play, facts);
		return false;
	}
}

bool play_phase(struct play *play, enum goal goal, const struct phase *phase,
	int index, int leases)
{
	struct facts facts = {.arena = arena_new(),
		.cluster = play->cluster,
		.phase = phase,
		.index = index,
		.lease_count = leases,
		.removal = play->removal,
		.token = &play->token,
		.authorities = &play->authorities,
		.join_token = &play->join_token};

	play_load(play, &facts);
	bool done = run_lease(play, goal, &facts);
	if (done && facts.swept)
		play->removal.swept_kinds |= 1u << phase->kind;
	arena_free(facts.arena);
	return done;
}

static bool is_done(
	const struct play *play, const struct phase *phase, size_t position)
{
	for (int i = 0; i < plan_instances(phase, &play->cluster); i++)
		if (!play->done[position][i])
			return false;
	return true;
}

bool play_round(struct play *play, enum goal goal)
{
	size_t count;
	const struct phase *phases = plan_phases(goal, &count);
	unsigned done = 0;

	for (size_t p = 0; p < count; p++)
		if (is_done(play, &phases[p], p))
			done |= PHASE_BIT(p);
	for (size_t p = 0; p < count; p++) {
		if (phases[p].needs & ~done)
			continue;
		for (int i = 0; i < plan_instances(&phases[p], &play->cluster);
			i++)
			if (!play->done[p][i])
				play->done[p][i] = play_phase(play, goal,
					&phases[p], i, ++play->leases[p][i]);
	}
	return done == PHASE_BIT(count) - 1;
}

void play_plan(struct play *play, enum goal goal)
{
	int rounds = 0;

	memset(play->done, 0, sizeof play->done);
	memset(play->leases, 0, sizeof play->leases);
	play->removal.swept_kinds = 0;
	while (!play_round(play, goal))
		cr_assert_lt(++rounds, 300, "cut %d at %d: no end", play->cut,
			play->cut_at);
}
