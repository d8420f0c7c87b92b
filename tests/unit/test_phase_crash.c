/*
 * Whole plans against a tiny Hetzner, cut at every request in every way: the
 * end must be the same, nothing there twice, nothing left and nothing of
 * anyone else touched.
 */
#include "phase_fake.h"
#include "phase_harness.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

TestSuite(phase_crash, .timeout = 300);

enum cut {
	CUT_NEVER,
	CUT_BEFORE_REQUEST, /* the worker dies before it has sent it */
	CUT_AFTER_REQUEST,  /* it dies before the answer */
	CUT_ANSWER,         /* the answer is lost, the worker lives */
	CUT_STORE,          /* it dies before it has stored the outcome */
	CUT_COUNT,
};

/* What a worker and its database amount to. */
struct play {
	struct fake fake;
	struct cluster cluster;
	struct fact_resource stored[FAKE_THINGS];
	size_t stored_count;
	bool done[32][8];
	int leases[32][8];
	struct secret token, authorities, join_token;
	enum cut cut;
	int cut_at;
	int requests; /* or leases, to be cut at */
};

static void begin(struct play *play, enum cut cut, int cut_at)
{
	cr_assert_geq(sodium_init(), 0);
	*play = (struct play){.cut = cut, .cut_at = cut_at};
	fake_begin(&play->fake);
	secret_set(&play->token, TEST_TOKEN, strlen(TEST_TOKEN));
	secret_set(
		&play->authorities, test_authorities, strlen(test_authorities));
	secret_set(&play->join_token, "join", 4);
	play->cluster = (struct cluster){.id = CLUSTER_ID,
		.name = "demo",
		.location = LOCATION_FSN1,
		.type = CLUSTER_DEDICATED_HA,
		.workers = 2};
}

static void end(struct play *play)
{
	fake_end(&play->fake);
	secret_clear(&play->token);
	secret_clear(&play->authorities);
	secret_clear(&play->join_token);
}

static void load(struct play *play, struct facts *facts)
{
	for (size_t i = 0; i < play->stored_count; i++)
		facts_add(facts, &play->stored[i].resource);
}

static void store(struct play *play, const struct facts *facts)
{
	play->stored_count = 0;
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

/* Sends what is asked; false: the worker died over it. */
static bool send(struct play *play, struct facts *facts, const struct ask *ask,
	struct reply *reply)
{
	if (ask->kind == ASK_KEYS) {
		strcpy(facts->cluster.ssh_public_key, TEST_KEY);
		*reply = (struct reply){.class = REPLY_OK};
		return true;
	}
	play->requests++;
	if (cut_here(play, CUT_BEFORE_REQUEST))
		return false;
	if (ask->kind == ASK_ACTIONS)
		fake_answer_actions(
			&play->fake, ask->actions, ask->action_count, reply);
	else
		fake_answer(&play->fake, &ask->request, reply);
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

/* One lease; returns whether the phase is done. */
static bool run_lease(struct play *play, enum goal goal, struct facts *facts)
{
	struct ask ask;
	struct reply reply;
	struct err err = {0};

	for (;;) {
		enum progress progress = phase_ask(facts, &ask, &err);
		if (progress != PROGRESS_ASKS) {
			if (progress == PROGRESS_FAILED)
				cr_assert_geq(phase_retry_ms(goal, &err, 1), 0,
					"%s: %s", facts->phase->name, err.text);
			if (play->cut == CUT_STORE &&
				++play->requests == play->cut_at)
				return false;
			store(play, facts);
			return progress == PROGRESS_DONE;
		}
		bool alive = send(play, facts, &ask, &reply);
		request_clear(&ask.request);
		if (!alive)
			return false;
		enum verdict verdict = phase_take(facts, &reply, &err);
		reply_clear(&reply);
		if (verdict == VERDICT_NEXT)
			continue;
		if (verdict == VERDICT_FAILED)
			cr_assert_geq(phase_retry_ms(goal, &err, 1), 0,
				"%s: %s %s", facts->phase->name, err.code,
				err.text);
		store(play, facts);
		return false;
	}
}

static bool run_phase(struct play *play, enum goal goal,
	const struct phase *phase, int index, int leases)
{
	struct facts facts = {.arena = arena_new(),
		.cluster = play->cluster,
		.phase = phase,
		.index = index,
		.lease_count = leases,
		.token = &play->token,
		.authorities = &play->authorities,
		.join_token = &play->join_token};

	load(play, &facts);
	bool done = run_lease(play, goal, &facts);
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

static bool run_round(struct play *play, enum goal goal)
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
				play->done[p][i] = run_phase(play, goal,
					&phases[p], i, ++play->leases[p][i]);
	}
	return done == PHASE_BIT(count) - 1;
}

static void run_plan(struct play *play, enum goal goal)
{
	int rounds = 0;

	memset(play->done, 0, sizeof play->done);
	memset(play->leases, 0, sizeof play->leases);
	while (!run_round(play, goal))
		cr_assert_lt(++rounds, 300, "cut %d at %d: no end", play->cut,
			play->cut_at);
}

static const char whole[] = "load_balancer demo-6f1c2b3a-load-balancer, "
			    "server demo-6f1c2b3a-control-plane-0, "
			    "server demo-6f1c2b3a-control-plane-1, "
			    "server demo-6f1c2b3a-control-plane-2, "
			    "server demo-6f1c2b3a-nat-gateway, "
			    "server demo-6f1c2b3a-worker-0, "
			    "server demo-6f1c2b3a-worker-1, "
			    "network demo-6f1c2b3a-network, "
			    "firewall demo-6f1c2b3a-firewall, "
			    "placement_group demo-6f1c2b3a-placement-group, "
			    "ssh_key demo-6f1c2b3a-ssh-key, ";

/* What is recorded is what exists, each thing once. */
static void expect_recorded(struct play *play)
{
	cr_assert_eq(play->stored_count, play->fake.count);
	for (size_t i = 0; i < play->stored_count; i++) {
		const struct resource *resource = &play->stored[i].resource;
		struct fake_thing *thing =
			fake_find(&play->fake, resource->kind, resource->name);
		cr_assert(thing, "%s", resource->name);
		cr_assert_eq(thing->id, resource->id);
	}
}

static void expect_addresses(struct play *play)
{
	for (size_t i = 0; i < play->stored_count; i++) {
		const struct resource *resource = &play->stored[i].resource;
		if (resource->kind == RESOURCE_SERVER)
			cr_assert_str_eq(resource->private_address,
				fake_find(&play->fake, RESOURCE_SERVER,
					resource->name)
					->address);
	}
}

static void provision(struct play *play)
{
	run_plan(play, GOAL_PROVISION);
	cr_assert_str_eq(fake_list(&play->fake), whole, "cut %d at %d: %s",
		play->cut, play->cut_at, fake_list(&play->fake));
	expect_recorded(play);
	expect_addresses(play);
	cr_assert_str_eq(fake_find(&play->fake, RESOURCE_SERVER,
				 "demo-6f1c2b3a-nat-gateway")
				 ->address,
		"10.0.0.254");
}

static int count_requests(enum cut cut, bool teardown);

static void each_cut(void (*run)(struct play *, enum cut, int), bool teardown)
{
	for (int cut = CUT_BEFORE_REQUEST; cut < CUT_COUNT; cut++) {
		int count = count_requests((enum cut)cut, teardown);
		cr_assert_gt(count, 10);
		for (int at = 1; at <= count; at++) {
			struct play play = {0};
			run(&play, (enum cut)cut, at);
			end(&play);
		}
	}
}

static void run_provision(struct play *play, enum cut cut, int at)
{
	begin(play, cut, at);
	provision(play);
}

Test(phase_crash, provisioning_ends_the_same_wherever_it_is_cut)
{
	each_cut(run_provision, false);
}

/* What others have, and what Kubernetes made of ours. */
static void add_others(struct play *play)
{
	struct fake *fake = &play->fake;
	int64_t network =
		fake_find(fake, RESOURCE_NETWORK, "demo-6f1c2b3a-network")->id;
	int64_t worker =
		fake_find(fake, RESOURCE_SERVER, "demo-6f1c2b3a-worker-0")->id;
	struct fake_thing *volume = fake_add(fake, RESOURCE_VOLUME, "pvc-1");

	strcpy(volume->cluster, CLUSTER_ID);
	volume->server = worker;
	fake_add(fake, RESOURCE_LOAD_BALANCER, "ccm")->network = network;
	fake_add(fake, RESOURCE_SERVER, "autoscaled")->network = network;
	strcpy(fake_add(fake, RESOURCE_PRIMARY_IP, "ip")->cluster, CLUSTER_ID);
	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		for (int i = 0; i < 4; i++) {
			char name[32];
			snprintf(name, sizeof name, "theirs-%d", i);
			struct fake_thing *thing =
				fake_add(fake, (enum resource_kind)kind, name);
			if (kind != RESOURCE_NETWORK)
				thing->network = 1;
			if (i == 3)
				strcpy(thing->cluster, "another");
		}
}

static const char *theirs(struct play *play)
{
	const char *text = "";

	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		for (int i = 0; i < 4; i++)
			text = arena_format(play->fake.arena,
				"%s%s theirs-%d, ", text,
				kind_singular((enum resource_kind)kind), i);
	return text;
}

static void run_teardown(struct play *play, enum cut cut, int at)
{
	begin(play, CUT_NEVER, 0);
	provision(play);
	add_others(play);
	play->cut = cut;
	play->cut_at = at;
	play->requests = 0;
	run_plan(play, GOAL_TEARDOWN);
	cr_assert_str_eq(fake_list(&play->fake), theirs(play),
		"cut %d at %d: %s", cut, at, fake_list(&play->fake));
	cr_assert_eq(play->stored_count, 0);
}

Test(phase_crash, teardown_leaves_nothing_wherever_it_is_cut)
{
	each_cut(run_teardown, true);
}

/* How often the undisturbed way can be cut. */
static int count_requests(enum cut cut, bool teardown)
{
	struct play play = {0};

	(teardown ? run_teardown : run_provision)(&play, cut, 0);
	int count = play.requests;
	end(&play);
	return count;
}

/* Provisioning given up at any point must be removable, records or not. */
static void run_half(struct play *play, int rounds, bool forget)
{
	begin(play, CUT_NEVER, 0);
	while (rounds-- > 0)
		run_round(play, GOAL_PROVISION);
	if (forget)
		play->stored_count = 0;
	run_plan(play, GOAL_TEARDOWN);
	cr_assert_str_eq(fake_list(&play->fake), "");
	cr_assert_eq(play->stored_count, 0);
}

Test(phase_crash, teardown_takes_whatever_there_is)
{
	for (int rounds = 0; rounds < 20; rounds++)
		for (int forget = 0; forget < 2; forget++) {
			struct play play;
			run_half(&play, rounds, forget);
			end(&play);
		}
}

/* ---- Two workers at once with the same phase ---- */

struct worker {
	struct facts facts;
	bool over;
	bool done;
};

static void begin_worker(struct play *play, struct worker *worker,
	const struct phase *phase, int leases)
{
	*worker = (struct worker){.facts = {.arena = arena_new(),
					  .cluster = play->cluster,
					  .phase = phase,
					  .lease_count = leases,
					  .token = &play->token,
					  .authorities = &play->authorities,
					  .join_token = &play->join_token}};
	load(play, &worker->facts);
}

/* One request of one worker. */
static void step_worker(struct play *play, struct worker *worker)
{
	struct ask ask;
	struct reply reply;
	struct err err = {0};

	if (worker->over)
		return;
	enum progress progress = phase_ask(&worker->facts, &ask, &err);
	if (progress != PROGRESS_ASKS) {
		worker->over = true;
		worker->done = progress == PROGRESS_DONE;
		return;
	}
	send(play, &worker->facts, &ask, &reply);
	request_clear(&ask.request);
	worker->over = phase_take(&worker->facts, &reply, &err) != VERDICT_NEXT;
	reply_clear(&reply);
	cr_assert(
		err.kind == ERR_NONE || err.kind == ERR_RETRY, "%s", err.text);
}

/* `order` says by its bits whose turn it is; the second lease is the one that
 * the database lets store. */
static void run_two(const char *phase, unsigned order)
{
	struct play play;
	struct worker first, second;

	begin(&play, CUT_NEVER, 0);
	play.cluster.workers = 1;
	run_plan(&play, GOAL_PROVISION);
	/* Everything is there but what the phase makes. */
	struct facts facts = {.arena = arena_new()};
	load(&play, &facts);
	const struct resource *own = facts_recorded(&facts, phase, 0);
	struct fake_thing *thing = fake_find(&play.fake, own->kind, own->name);
	size_t before = play.fake.count;
	*thing = play.fake.things[--play.fake.count];
	facts_remove(&facts, phase, 0);
	facts.cluster = play.cluster;
	store(&play, &facts);
	arena_free(facts.arena);

	begin_worker(&play, &first, plan_find(GOAL_PROVISION, phase), 1);
	begin_worker(&play, &second, plan_find(GOAL_PROVISION, phase), 2);
	for (int i = 0; i < 12; i++, order >>= 1)
		step_worker(&play, order & 1 ? &second : &first);
	for (int i = 0; i < 12; i++) {
		step_worker(&play, &first);
		step_worker(&play, &second);
	}
	cr_assert(first.over && second.over);
	store(&play, &second.facts);
	arena_free(first.facts.arena);
	arena_free(second.facts.arena);
	for (int leases = 3; leases < 30; leases++)
		if (run_phase(&play, GOAL_PROVISION,
			    plan_find(GOAL_PROVISION, phase), 0, leases))
			break;
	cr_assert_eq(play.fake.count, before);
	expect_recorded(&play);
	end(&play);
}

Test(phase_crash, two_workers_end_with_one_resource)
{
	static const char *const phases[] = {"ssh_key", "network", "firewall",
		"placement_group", "nat_gateway", "load_balancer", "worker"};

	for (size_t i = 0; i < COUNT(phases); i++)
		for (unsigned order = 0; order < 64; order++)
			run_two(phases[i], order);
}

/* The undisturbed way costs what it must. */
Test(phase_crash, asks_no_more_than_it_must)
{
	struct play play;
	int made = 11, attached = 1, types = 1, ready = 4;

	begin(&play, CUT_NEVER, 0);
	play.fake.page_size = 50;
	run_plan(&play, GOAL_PROVISION);
	int polls = play.requests - made - attached - types;
	/* Waiting asks for actions and health, nothing else. */
	cr_assert_geq(polls, ready);
	cr_assert_leq(polls, 40, "%d", polls);
	end(&play);
}
