/*
 * Whole plans against a tiny Hetzner, cut at every request in every way: the
 * end must be the same, nothing there twice, nothing left and nothing of
 * anyone else touched.
 */
#include "phase_play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(phase_crash, .timeout = 300);

static struct fake fake;

static void begin(struct play *play, enum cut cut, int cut_at)
{
	fake_begin(&fake);
	play_begin(play, &fake, cut, cut_at);
}

static void end(struct play *play)
{
	play_end(play);
	fake_end(&fake);
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
			    "ssh_key demo-6f1c2b3a-ssh-key, "
			    "primary_ip demo-6f1c2b3a-gateway-address, ";

/* What is recorded is what exists, each thing once. */
static void expect_recorded(struct play *play)
{
	cr_assert_eq(play->stored_count, fake.count);
	for (size_t i = 0; i < play->stored_count; i++) {
		const struct resource *resource = &play->stored[i].resource;
		struct fake_thing *thing =
			fake_find(&fake, resource->kind, resource->name);
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
				fake_find(
					&fake, RESOURCE_SERVER, resource->name)
					->address);
	}
}

static void provision(struct play *play)
{
	play_plan(play, GOAL_PROVISION);
	cr_assert_str_eq(fake_list(&fake), whole, "cut %d at %d: %s", play->cut,
		play->cut_at, fake_list(&fake));
	expect_recorded(play);
	expect_addresses(play);
	cr_assert_str_eq(
		fake_find(&fake, RESOURCE_SERVER, "demo-6f1c2b3a-nat-gateway")
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
static void add_others(void)
{
	struct fake_thing *front = fake_add(&fake, RESOURCE_LOAD_BALANCER, "f");
	int64_t network =
		fake_find(&fake, RESOURCE_NETWORK, "demo-6f1c2b3a-network")->id;
	int64_t worker =
		fake_find(&fake, RESOURCE_SERVER, "demo-6f1c2b3a-worker-0")->id;
	struct fake_thing *volume = fake_add(&fake, RESOURCE_VOLUME, "pvc-1");

	strcpy(volume->cluster, CLUSTER_ID);
	volume->server = worker;
	struct fake_thing *ccm = fake_add(&fake, RESOURCE_LOAD_BALANCER, "ccm");
	ccm->network = network;
	ccm->controllers = true;
	front->controllers = true;
	front->target = worker;
	struct fake_thing *scaled =
		fake_add(&fake, RESOURCE_SERVER, "autoscaled");
	scaled->network = network;
	scaled->scalers = true;
	struct fake_thing *bare = fake_add(&fake, RESOURCE_VOLUME, "pvc-2");
	bare->drivers = true;
	bare->server = worker;
	strcpy(fake_add(&fake, RESOURCE_PRIMARY_IP, "ip")->cluster, CLUSTER_ID);
	fake_add(&fake, RESOURCE_FLOATING_IP, "vip")->server = worker;
	struct fake_thing *tls = fake_add(&fake, RESOURCE_CERTIFICATE, "tls");
	tls->controllers = true;
	tls->target = ccm->id;
	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		for (int i = 0; i < 4; i++) {
			char name[32];
			snprintf(name, sizeof name, "theirs-%d", i);
			struct fake_thing *thing =
				fake_add(&fake, (enum resource_kind)kind, name);
			if (kind != RESOURCE_NETWORK)
				thing->network = 1;
			thing->controllers = i == 2;
			if (i == 3)
				strcpy(thing->cluster, "another");
		}
}

static const char *theirs(void)
{
	const char *text = "";

	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		for (int i = 0; i < 4; i++)
			text = arena_format(fake.arena, "%s%s theirs-%d, ",
				text, kind_singular((enum resource_kind)kind),
				i);
	return text;
}

static void run_teardown(struct play *play, enum cut cut, int at)
{
	begin(play, CUT_NEVER, 0);
	provision(play);
	add_others();
	play->cut = cut;
	play->cut_at = at;
	play->requests = 0;
	play_plan(play, GOAL_TEARDOWN);
	cr_assert_str_eq(fake_list(&fake), theirs(), "cut %d at %d: %s", cut,
		at, fake_list(&fake));
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
		play_round(play, GOAL_PROVISION);
	if (forget)
		play->stored_count = 0;
	play_plan(play, GOAL_TEARDOWN);
	cr_assert_str_eq(fake_list(&fake), "");
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

/* As long as there is a server, Kubernetes may make one. */
static void run_late(struct play *play, int rounds)
{
	int most = 300;

	begin(play, CUT_NEVER, 0);
	play_plan(play, GOAL_PROVISION);
	int64_t network =
		fake_find(&fake, RESOURCE_NETWORK, "demo-6f1c2b3a-network")->id;
	memset(play->done, 0, sizeof play->done);
	memset(play->leases, 0, sizeof play->leases);
	while (rounds-- > 0)
		play_round(play, GOAL_TEARDOWN);
	if (strstr(fake_list(&fake), "server ")) {
		struct fake_thing *late =
			fake_add(&fake, RESOURCE_LOAD_BALANCER, "late");
		late->network = network;
		late->controllers = true;
	}
	while (!play_round(play, GOAL_TEARDOWN))
		cr_assert_gt(--most, 0, "no end: %s", fake_list(&fake));
	cr_assert_str_eq(fake_list(&fake), "");
}

Test(phase_crash, teardown_takes_a_load_balancer_that_is_made_meanwhile)
{
	for (int rounds = 0; rounds < 12; rounds++) {
		struct play play;
		run_late(&play, rounds);
		end(&play);
	}
}

/* A create that comes late, after the teardown has ended. */
Test(phase_crash, a_later_sweep_takes_what_came_late)
{
	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++) {
		struct play play;
		begin(&play, CUT_NEVER, 0);
		struct fake_thing *late =
			fake_add(&fake, (enum resource_kind)kind, "late");
		strcpy(late->cluster, CLUSTER_ID);
		fake_add(&fake, (enum resource_kind)kind, "theirs");
		play_plan(&play, GOAL_SWEEP);
		cr_assert_str_eq(fake_list(&fake),
			arena_format(fake.arena, "%s theirs, ",
				kind_singular((enum resource_kind)kind)));
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
	play_load(play, &worker->facts);
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
	play_send(play, &worker->facts, &ask, &reply);
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
	play_plan(&play, GOAL_PROVISION);
	/* Everything is there but what the phase makes. */
	struct facts facts = {.arena = arena_new()};
	play_load(&play, &facts);
	const struct resource *own = facts_recorded(&facts, phase, 0);
	struct fake_thing *thing = fake_find(&fake, own->kind, own->name);
	size_t before = fake.count;
	*thing = fake.things[--fake.count];
	facts_remove(&facts, phase, 0);
	facts.cluster = play.cluster;
	play_store(&play, &facts);
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
	play_store(&play, &second.facts);
	arena_free(first.facts.arena);
	arena_free(second.facts.arena);
	for (int leases = 3; leases < 30; leases++)
		if (play_phase(&play, GOAL_PROVISION,
			    plan_find(GOAL_PROVISION, phase), 0, leases))
			break;
	cr_assert_eq(fake.count, before);
	expect_recorded(&play);
	end(&play);
}

Test(phase_crash, two_workers_end_with_one_resource)
{
	static const char *const phases[] = {"ssh_key", "network", "firewall",
		"placement_group", "gateway_address", "nat_gateway",
		"load_balancer", "worker"};

	for (size_t i = 0; i < COUNT(phases); i++)
		for (unsigned order = 0; order < 64; order++)
			run_two(phases[i], order);
}
