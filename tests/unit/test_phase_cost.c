/* What plans cost: calls to Hetzner, alone and among many of one project. */
#include "phase_play.h"

#include <stdio.h>
#include <string.h>

static struct fake fake;

static void set_up(void)
{
	fake_begin(&fake);
	fake.page_size = 50;
}

static void tear_down(void)
{
	fake_end(&fake);
}

TestSuite(phase_cost, .timeout = 300, .init = set_up, .fini = tear_down);

/* The undisturbed way costs what it must. */
Test(phase_cost, of_provisioning_is_what_it_must_be)
{
	struct play play;
	int made = 12, attached = 1, types = 1, ready = 4;

	play_begin(&play, &fake, CUT_NEVER, 0);
	play_plan(&play, GOAL_PROVISION);
	int polls = play.requests - made - attached - types;
	/* Waiting asks for actions and health, nothing else. */
	cr_assert_geq(polls, ready);
	cr_assert_leq(polls, 40, "%d", polls);
	play_end(&play);
}

enum { MANY = 50 };

/* A cluster of its own, and a load balancer that its Kubernetes has made. */
static void found_cluster(struct play *play, int number)
{
	char name[32];

	play_begin(play, &fake, CUT_NEVER, 0);
	snprintf(play->cluster.id, sizeof play->cluster.id,
		"%08x-1111-4222-8333-444455556666", (unsigned)number);
	play_plan(play, GOAL_PROVISION);
	for (size_t i = 0; i < play->stored_count; i++)
		if (play->stored[i].resource.kind == RESOURCE_NETWORK) {
			snprintf(name, sizeof name, "ccm-%d", number);
			struct fake_thing *made =
				fake_add(&fake, RESOURCE_LOAD_BALANCER, name);
			made->network = play->stored[i].resource.id;
			made->controllers = true;
		}
	memset(play->done, 0, sizeof play->done);
	memset(play->leases, 0, sizeof play->leases);
	play->requests = play->shared = 0;
}

/* Tears down `count` clusters of one project, side by side. Returns the calls
 * that it took, but for those that all of them ask alike. */
static int tear_down_side_by_side(struct play *plays, int count)
{
	int own = 0, shared = 0, left = count;

	for (int i = 0; i < count; i++)
		found_cluster(&plays[i], i);
	while (left > 0) {
		left = 0;
		for (int i = 0; i < count; i++)
			left += !play_round(&plays[i], GOAL_TEARDOWN);
	}
	for (int i = 0; i < count; i++) {
		own += plays[i].requests - plays[i].shared;
		shared += plays[i].shared;
		play_end(&plays[i]);
	}
	cr_assert_eq(shared, count, "%d", shared);
	return own;
}

/*
 * 13 deletions; two looks at the network, two for servers, one for volumes and
 * primary IPs each; a sweep of the four kinds of which nobody has seen the end.
 */
enum { TEARDOWN_CALLS = 13 + 2 + 2 + 2 + 4 };

/* As many as the issue asks for: see README's table. */
static int tear_down_alone(
	enum cluster_type type, int workers, int balancers, int volumes)
{
	struct play play;

	play_begin(&play, &fake, CUT_NEVER, 0);
	play.cluster.type = type;
	play.cluster.workers = workers;
	play_plan(&play, GOAL_PROVISION);
	int64_t network =
		fake_find(&fake, RESOURCE_NETWORK, "demo-6f1c2b3a-network")->id;
	struct fake_thing *node = fake_find(
		&fake, RESOURCE_SERVER, "demo-6f1c2b3a-control-plane-0");
	for (int i = 0; i < balancers; i++) {
		char name[32];
		snprintf(name, sizeof name, "ccm-%d", i);
		struct fake_thing *made =
			fake_add(&fake, RESOURCE_LOAD_BALANCER, name);
		made->network = network;
		made->target = node->id;
		made->controllers = true;
	}
	for (int i = 0; i < volumes; i++) {
		char name[32];
		snprintf(name, sizeof name, "pvc-%d", i);
		struct fake_thing *made =
			fake_add(&fake, RESOURCE_VOLUME, name);
		strcpy(made->cluster, play.cluster.id);
		made->drivers = true;
		made->server = node->id;
	}
	play.requests = 0;
	memset(play.done, 0, sizeof play.done);
	memset(play.leases, 0, sizeof play.leases);
	/* Each look comes half a second after the one before. */
	while (!play_round(&play, GOAL_TEARDOWN))
		fake.clock += 3;
	cr_assert_str_eq(fake_list(&fake), "");
	play_end(&play);
	return play.requests;
}

Test(phase_cost, of_the_smallest_teardown)
{
	cr_assert_leq(tear_down_alone(CLUSTER_DEDICATED, 0, 0, 0), 16);
}

Test(phase_cost, of_a_teardown_of_more_nodes)
{
	cr_assert_leq(tear_down_alone(CLUSTER_DEDICATED_HA, 2, 0, 0), 22);
}

Test(phase_cost, of_a_teardown_with_what_kubernetes_made)
{
	cr_assert_leq(tear_down_alone(CLUSTER_DEDICATED_HA, 2, 2, 5), 30);
}

/* Alone it has to look again until the servers are gone. */
Test(phase_cost, of_a_teardown_is_what_it_must_be)
{
	static struct play play;
	int calls = tear_down_side_by_side(&play, 1);

	cr_assert_geq(calls, TEARDOWN_CALLS);
	cr_assert_leq(calls, TEARDOWN_CALLS + 2, "%d", calls);
	cr_assert_str_eq(fake_list(&fake), "");
}

Test(phase_cost, of_a_teardown_does_not_grow_with_what_others_have)
{
	static struct play play;
	char name[32];

	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		for (int i = 0; i < 110; i++) {
			snprintf(name, sizeof name, "theirs-%d", i);
			fake_add(&fake, (enum resource_kind)kind, name);
		}
	int calls = tear_down_side_by_side(&play, 1);
	cr_assert_leq(calls, TEARDOWN_CALLS + 2, "%d", calls);
}

Test(phase_cost, of_a_teardown_does_not_grow_with_the_project)
{
	static struct play plays[MANY];
	int calls = tear_down_side_by_side(plays, MANY);

	cr_assert_leq(calls, MANY * TEARDOWN_CALLS, "%d", calls);
	cr_assert_str_eq(fake_list(&fake), "");
}
