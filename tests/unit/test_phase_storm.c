/*
 * Lives in a storm: a cluster is made, as far as it comes, and taken away.
 * Meanwhile its controllers make balancers, volumes and servers, people delete
 * things by hand, put their own on the network and protect what is to go,
 * Hetzner is out of order, answers get lost, what they would have told of comes
 * to be much later, and workers die. At the end nothing of the cluster is left,
 * everything of others is as it was, and the receipt is true. Every seed is
 * another storm, and always the same: BYOC_STORM_SEED=7 plays one alone.
 */
#include "phase_play.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEEDS = 300,
	CALM_AFTER = 40,
	ROUNDS_MOST = 400,
	THEIRS = 3, /* of each kind */
	LATE_MOST = 8,
	IDS = 8192,
};

static struct fake fake;
static uint64_t dice;
static int seed = -1;   /* being played; -1: none */
static bool deleting;   /* the teardown has begun */
static int neighbours;  /* that have moved in */
static int own_volumes; /* of somebody, that were attached to our servers */
static struct fake_thing theirs[THEIRS * RESOURCE_KIND_COUNT];
static bool existed[IDS]; /* by id, which no two kinds share here */
static struct {
	char path[64];
	struct json_object *body;
	int due;
} late[LATE_MOST];
static size_t late_count;

/* Of a seed that failed; the others have ended. */
static void tell_the_seed(void)
{
	if (seed >= 0)
		fprintf(stderr, "storm: again with BYOC_STORM_SEED=%d\n", seed);
}

TestSuite(phase_storm, .timeout = 300, .fini = tell_the_seed);

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

static void somebody_attaches_their_volume(void)
{
	int64_t node = any_node()->id;

	make(RESOURCE_VOLUME, "own")->server = node;
	own_volumes++;
}

/* What came to be is remembered, so that a receipt can be held against it. */
static void look_around(void)
{
	for (size_t i = 0; i < fake.count; i++) {
		cr_assert_lt(fake.things[i].id, IDS);
		existed[fake.things[i].id] = true;
	}
}

static void befall(void)
{
	bool node = any_node(), network = network_id();

	switch (roll(8)) {
	case 0:
		if (node && network)
			controller_makes_a_balancer();
		break;
	case 1:
		if (node)
			driver_makes_a_volume();
		break;
	case 2:
		if (node && network)
			scaler_makes_a_server();
		break;
	case 3:
	case 4:
		somebody_deletes_one();
		break;
	case 5:
		if (deleting)
			somebody_protects_one();
		break;
	case 6:
		if (node)
			somebody_attaches_their_volume();
		break;
	default:
		if (network)
			neighbour_moves_in();
		break;
	}
}

/* ---- Requests that are done long after their answer was given up ---- */

/* What a server or a balancer is to stand on has to be there still. */
static bool can_be_made(const char *path)
{
	bool stands = strcmp(path, "/servers") == 0 ||
		      strcmp(path, "/load_balancers") == 0;

	return !stands || (network_id() && fake_find(&fake, RESOURCE_FIREWALL,
						   "demo-6f1c2b3a-firewall"));
}

static void do_late(int now)
{
	for (size_t i = late_count; i-- > 0;) {
		struct request request = {.method = METHOD_POST,
			.path = late[i].path,
			.body = late[i].body};
		struct reply reply;
		if (late[i].due > now)
			continue;
		if (can_be_made(late[i].path)) {
			fake_answer(&fake, &request, &reply);
			reply_clear(&reply);
		}
		json_object_put(late[i].body);
		late[i] = late[--late_count];
	}
}

static void put_off(const struct request *request, struct reply *reply)
{
	snprintf(late[late_count].path, sizeof late->path, "%s", request->path);
	late[late_count].body = json_object_get(request->body);
	late[late_count++].due = fake.clock + 5 + (int)roll(300);
	reply_lost(reply, "timeout");
}

static bool makes(const struct request *request)
{
	return request->method == METHOD_POST && !request->server &&
	       !strchr(request->path + 1, '/');
}

static bool hinder(const struct request *request, struct reply *reply)
{
	static const char down[] = "{\"error\":{\"code\":\"unavailable\","
				   "\"message\":\"no\"}}";

	if (makes(request) && late_count < LATE_MOST && roll(6) == 0) {
		put_off(request, reply);
		return true;
	}
	if (request->server || roll(20))
		return false;
	reply_read(reply, 503, down, strlen(down));
	return true;
}

static void meddle(int requests)
{
	look_around();
	do_late(fake.clock);
	if (requests <= CALM_AFTER && roll(4) == 0)
		befall();
	look_around();
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
	size_t count = 0;

	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		for (int i = 0; i < THEIRS; i++) {
			char name[32];
			snprintf(name, sizeof name, "theirs-%d", i);
			struct fake_thing *thing =
				fake_add(&fake, (enum resource_kind)kind, name);
			thing->controllers = i == 1;
			if (i == 2)
				strcpy(thing->cluster, "another");
			theirs[count++] = *thing;
		}
}

static bool same(const struct fake_thing *a, const struct fake_thing *b)
{
	return a->id == b->id && strcmp(a->cluster, b->cluster) == 0 &&
	       a->controllers == b->controllers && !a->kept && !a->protected_ &&
	       a->network == b->network && a->server == b->server &&
	       a->target == b->target && a->firewall == b->firewall &&
	       !a->gone_at;
}

static void expect_theirs_as_they_were(void)
{
	for (size_t i = 0; i < COUNT(theirs); i++) {
		const struct fake_thing *thing =
			fake_find(&fake, theirs[i].kind, theirs[i].name);
		cr_assert(thing && same(thing, &theirs[i]), "%s %s",
			kind_singular(theirs[i].kind), theirs[i].name);
	}
}

static void expect_only_theirs(void)
{
	int moved_in = 0, own = 0, known = 0;

	for (size_t i = 0; i < fake.count; i++) {
		const struct fake_thing *thing = &fake.things[i];
		bool is_own = strncmp(thing->name, "own", 3) == 0;
		bool is_neighbour = strncmp(thing->name, "neighbour", 9) == 0;
		bool is_theirs = strncmp(thing->name, "theirs", 6) == 0;
		cr_assert(is_own || is_neighbour || is_theirs, "%s is left",
			thing->name);
		cr_assert_eq(thing->server, 0, "%s is attached", thing->name);
		own += is_own;
		moved_in += is_neighbour;
		known += is_theirs;
	}
	cr_assert_eq(moved_in, neighbours);
	cr_assert_eq(own, own_volumes);
	cr_assert_eq(known, COUNT(theirs));
	expect_theirs_as_they_were();
}

static bool is_told(
	const struct play *play, enum resource_kind kind, int64_t id)
{
	for (size_t i = 0; i < play->told_count; i++)
		if (play->told[i].kind == kind && play->told[i].id == id)
			return true;
	return false;
}

/* What is told has been and is no more; what was recorded is told. */
static void expect_true(const struct play *play,
	const struct fact_resource *recorded, size_t count)
{
	for (size_t i = 0; i < play->told_count; i++)
		cr_assert(existed[play->told[i].id], "%s %lld never was",
			kind_singular(play->told[i].kind),
			(long long)play->told[i].id);
	for (size_t i = 0; i < fake.count; i++)
		cr_assert_not(
			is_told(play, fake.things[i].kind, fake.things[i].id),
			"%s is told to be gone", fake.things[i].name);
	for (size_t i = 0; i < count; i++)
		cr_assert(is_told(play, recorded[i].resource.kind,
				  recorded[i].resource.id),
			"%s is not told", recorded[i].resource.name);
	cr_assert_eq(play->stored_count, 0);
}

/* ---- A life ---- */

static void begin_run(struct play *play)
{
	memset(play->done, 0, sizeof play->done);
	memset(play->leases, 0, sizeof play->leases);
	play->requests = 0;
}

/* The worker of the next round dies, or loses an answer, or neither. */
static void cut_next(struct play *play, bool calm)
{
	fake.clock += (int)roll(4);
	play->cut = calm ? CUT_NEVER : (enum cut)roll(CUT_COUNT);
	play->cut_at = play->requests + 1 + (int)roll(8);
}

/* As far as it comes: nothing yet, half, all, or until it fails. */
static void build(struct play *play)
{
	int rounds = (int)roll(40);

	play->may_fail = true;
	begin_run(play);
	while (rounds-- > 0 && !play->failed) {
		cut_next(play, false);
		if (play_round(play, GOAL_PROVISION))
			break;
	}
	play->may_fail = false;
}

static void take_away(struct play *play)
{
	int rounds = 0;

	deleting = true;
	begin_run(play);
	while (!play_round(play, GOAL_TEARDOWN)) {
		cr_assert_lt(
			++rounds, ROUNDS_MOST, "no end: %s", fake_list(&fake));
		cut_next(play, rounds > CALM_AFTER);
		if (rounds > CALM_AFTER)
			play->hinder = NULL;
		if (play->requests > CALM_AFTER && rounds > 10)
			people_clear_up();
	}
}

/* Minutes later, when what was put off has come to be. */
static void sweep_again(struct play *play)
{
	int rounds = 0;

	play->hinder = NULL;
	play->meddle = NULL;
	do_late(INT32_MAX);
	look_around();
	people_clear_up();
	play->cut = CUT_NEVER;
	play->removal.swept_kinds = 0; /* of the run before */
	begin_run(play);
	while (!play_round(play, GOAL_SWEEP))
		cr_assert_lt(++rounds, ROUNDS_MOST, "no end of the sweep: %s",
			fake_list(&fake));
}

static void live(void)
{
	struct play play;
	struct fact_resource recorded[PLAY_RESOURCES];

	neighbours = own_volumes = 0;
	deleting = false;
	memset(existed, 0, sizeof existed);
	dice = 0x9e3779b97f4a7c15u * (uint64_t)(seed + 1);
	fake_begin(&fake);
	play_begin(&play, &fake, CUT_NEVER, 0);
	add_theirs();
	play.meddle = meddle;
	play.hinder = hinder;
	build(&play);
	size_t count = play.stored_count;
	memcpy(recorded, play.stored, sizeof recorded);
	take_away(&play);
	expect_true(&play, recorded, count);
	sweep_again(&play);
	expect_only_theirs();
	expect_true(&play, recorded, count);
	play_end(&play);
	fake_end(&fake);
}

Test(phase_storm, leaves_nothing_and_takes_nothing_else)
{
	const char *one = getenv("BYOC_STORM_SEED");
	int first = one ? atoi(one) : 0;

	for (seed = first; seed < (one ? first + 1 : SEEDS); seed++)
		live();
	seed = -1;
}
