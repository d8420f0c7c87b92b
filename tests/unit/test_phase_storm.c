/*
 * Deletions in a storm: while a cluster is taken away, its controllers make
 * balancers, volumes and servers, people delete things by hand, put their own
 * on the network and protect what is to go, answers get lost and workers die.
 * At the end nothing of the cluster is left, everything of others is as it was,
 * and the receipt is true. Every seed is another storm, and always the same.
 */
#include "phase_play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 300, CALM_AFTER = 40, ROUNDS_MOST = 400 };

static struct fake fake;
static uint64_t dice;
static int neighbours; /* that have moved in */

/* xorshift64: enough for a storm. */
static unsigned roll(unsigned sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (unsigned)(dice % sides);
}

static bool is_ours(const struct fake_thing *thing)
{
	return strcmp(thing->cluster, CLUSTER_ID) == 0;
}

static int64_t network_id(void)
{
	struct fake_thing *network =
		fake_find(&fake, RESOURCE_NETWORK, "demo-6f1c2b3a-network");

	return network ? network->id : 0;
}

/* A server that may run a controller. */
static struct fake_thing *any_node(void)
{
	for (size_t i = 0; i < fake.count; i++) {
		struct fake_thing *thing = &fake.things[i];
		if (thing->kind == RESOURCE_SERVER && !thing->gone_at &&
			(is_ours(thing) || thing->scalers))
			return thing;
	}
	return NULL;
}

static struct fake_thing *make(enum resource_kind kind, const char *what)
{
	static int number;
	char name[40];

	snprintf(name, sizeof name, "%s-%d", what, number++);
	return fake_add(&fake, kind, name);
}

/* ---- What may happen between two requests ---- */

static void controller_makes_a_balancer(void)
{
	struct fake_thing *front = make(RESOURCE_LOAD_BALANCER, "ccm");

	front->controllers = true;
	front->network = network_id();
}

static void driver_makes_a_volume(void)
{
	int64_t node = any_node()->id;
	struct fake_thing *volume = make(RESOURCE_VOLUME, "pvc");

	volume->drivers = true;
	strcpy(volume->cluster, CLUSTER_ID);
	volume->server = node;
}

static void scaler_makes_a_server(void)
{
	struct fake_thing *server = make(RESOURCE_SERVER, "scaled");

	server->scalers = true;
	server->network = network_id();
}

static void somebody_deletes_one(void)
{
	struct fake_thing *thing = &fake.things[roll((unsigned)fake.count)];
	struct request request;
	struct reply reply;

	if (!is_ours(thing))
		return;
	struct arena *arena = arena_new();
	request_delete(&request, arena, "/%s/%lld", kind_plural(thing->kind),
		(long long)thing->id);
	fake_answer(&fake, &request, &reply);
	reply_clear(&reply);
	arena_free(arena);
}

static void somebody_protects_one(void)
{
	struct fake_thing *thing = &fake.things[roll((unsigned)fake.count)];

	if (is_ours(thing) && (thing->kind == RESOURCE_SERVER ||
				      thing->kind == RESOURCE_VOLUME))
		thing->protected_ = true;
}

static void neighbour_moves_in(void)
{
	make(RESOURCE_SERVER, "neighbour")->network = network_id();
	neighbours++;
}

static void meddle(int requests)
{
	bool calm = requests > CALM_AFTER;

	if (calm || roll(4))
		return;
	switch (roll(7)) {
	case 0:
		if (any_node() && network_id())
			controller_makes_a_balancer();
		break;
	case 1:
		if (any_node())
			driver_makes_a_volume();
		break;
	case 2:
		if (any_node() && network_id())
			scaler_makes_a_server();
		break;
	case 3:
	case 4:
		somebody_deletes_one();
		break;
	case 5:
		somebody_protects_one();
		break;
	default:
		if (network_id())
			neighbour_moves_in();
		break;
	}
}

/* When the storm is over, people clear up. */
static void people_clear_up(void)
{
	for (size_t i = 0; i < fake.count; i++) {
		struct fake_thing *thing = &fake.things[i];
		thing->protected_ = false;
		if (strncmp(thing->name, "neighbour", 9) == 0)
			thing->network = 0;
	}
}

/* ---- What must be true at the end ---- */

static void add_theirs(void)
{
	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		for (int i = 0; i < 3; i++) {
			char name[32];
			snprintf(name, sizeof name, "theirs-%d", i);
			struct fake_thing *thing =
				fake_add(&fake, (enum resource_kind)kind, name);
			thing->controllers = i == 1;
			if (i == 2)
				strcpy(thing->cluster, "another");
		}
}

static void expect_only_theirs(int seed)
{
	int theirs = 0, stayed = 0;

	for (size_t i = 0; i < fake.count; i++) {
		const char *name = fake.things[i].name;
		bool known = strncmp(name, "theirs", 6) == 0;
		bool neighbour = strncmp(name, "neighbour", 9) == 0;
		theirs += known;
		stayed += neighbour;
		cr_assert(known || neighbour, "seed %d leaves %s", seed, name);
	}
	cr_assert_eq(stayed, neighbours, "seed %d", seed);
	cr_assert_eq(theirs, 3 * RESOURCE_KIND_COUNT, "seed %d", seed);
}

static void expect_true(const struct play *play, int seed)
{
	cr_assert_gt(play->told_count, 0);
	for (size_t i = 0; i < play->told_count; i++)
		for (size_t j = 0; j < fake.count; j++)
			cr_assert(fake.things[j].kind != play->told[i].kind ||
					  fake.things[j].id != play->told[i].id,
				"seed %d: %s is told to be gone", seed,
				fake.things[j].name);
}

static void weather(int seed)
{
	struct play play;
	int rounds = 0;

	neighbours = 0;
	dice = 0x9e3779b97f4a7c15u * (uint64_t)(seed + 1);
	fake_begin(&fake);
	play_begin(&play, &fake, CUT_NEVER, 0);
	play_plan(&play, GOAL_PROVISION);
	add_theirs();
	memset(play.done, 0, sizeof play.done);
	memset(play.leases, 0, sizeof play.leases);
	play.requests = 0;
	play.meddle = meddle;
	while (!play_round(&play, GOAL_TEARDOWN)) {
		cr_assert_lt(++rounds, ROUNDS_MOST, "seed %d: no end: %s", seed,
			fake_list(&fake));
		fake.clock += (int)roll(4);
		play.cut = rounds > CALM_AFTER ? CUT_NEVER
					       : (enum cut)roll(CUT_COUNT);
		play.cut_at = play.requests + 1 + (int)roll(8);
		if (play.requests > CALM_AFTER && rounds > 10)
			people_clear_up();
	}
	expect_only_theirs(seed);
	expect_true(&play, seed);
	play_end(&play);
	fake_end(&fake);
}

Test(phase_storm, leaves_nothing_and_takes_nothing_else, .timeout = 300)
{
	const char *one = getenv("BYOC_STORM_SEED");

	for (int seed = 0; seed < SEEDS; seed++)
		if (!one || seed == atoi(one))
			weather(seed);
}
