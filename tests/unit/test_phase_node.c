/* Nodes: what their user data makes of them, and whose place they take. */
#include "phase_harness.h"

#include <string.h>

static struct trial t;

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_node, .fini = tear_down);

#define BEGIN_FILE "/etc/mengi/begin.yaml"

/* Silence of the others must not make a second cluster of it. */
Test(phase_node, a_cluster_that_was_ready_is_begun_by_no_node)
{
	trial_begin(&t, GOAL_PROVISION, "control_plane", 0);
	trial_recorded_ground(&t);
	asks(&t, "POST /servers");
	cr_assert(strstr(trial_user_data(&t), "- path: " BEGIN_FILE));
	trial_end(&t);
	trial_begin(&t, GOAL_PROVISION, "control_plane", 0);
	trial_recorded_ground(&t);
	t.facts.cluster.was_ready = true;
	asks(&t, "DELETE /api/v1/nodes/demo-6f1c2b3a-control-plane-0");
	cr_assert_str_eq(t.ask.request.server, "https://203.0.113.7:6443");
	takes(&t, 200, "{\"kind\":\"Status\"}", "next");
	asks(&t, "POST /servers");
	cr_assert_null(strstr(trial_user_data(&t), "- path: " BEGIN_FILE));
	cr_assert(strstr(
		trial_user_data(&t), "server: \"https://10.0.0.2:6443\""));
}

Test(phase_node, takes_the_place_of_a_node_that_is_forgotten_first)
{
	trial_begin(&t, GOAL_PROVISION, "worker", 3);
	trial_recorded_ground(&t);
	t.facts.cluster.was_ready = true;
	asks(&t, "DELETE /api/v1/nodes/demo-6f1c2b3a-worker-3");
	cr_assert_str_eq(
		trial_take_lost(&t), "failed retry cluster_unreachable");
	says(&t, "does not let go");
	trial_lease_again(&t);
	t.facts.lease_count = 1;
	asks(&t, "DELETE /api/v1/nodes/demo-6f1c2b3a-worker-3");
	takes(&t, 404, "{\"kind\":\"Status\"}", "next");
	asks(&t, "POST /servers");
	takes(&t, 201, trial_file(&t, "server/created.json"), "next");
	asks(&t, "waits 500");
}

/* One that an earlier attempt has made may have joined already. */
Test(phase_node, an_adopted_one_is_not_forgotten)
{
	trial_begin(&t, GOAL_PROVISION, "worker", 3);
	trial_recorded_ground(&t);
	t.facts.cluster.was_ready = true;
	t.facts.lease_count = 2;
	trial_ask(&t);
	takes(&t, 200, "{\"servers\":[{\"id\":42,\"name\":\"n\"}]}", "next");
	asks(&t, "GET /servers/42/actions?status=running&status=error"
		 "&sort=id:desc");
	takes(&t, 200, "{\"actions\":[]}", "next");
	asks(&t, "done");
}

Test(phase_node, enforces_the_pod_security_that_was_chosen)
{
	trial_begin(&t, GOAL_PROVISION, "control_plane", 0);
	trial_recorded_ground(&t);
	t.facts.cluster.pod_security = POD_SECURITY_RESTRICTED;
	asks(&t, "POST /servers");
	cr_assert(strstr(trial_user_data(&t), "enforce: \"restricted\""));
}

Test(phase_node, a_cluster_has_the_ingress_that_was_chosen)
{
	trial_begin(&t, GOAL_PROVISION, "control_plane", 0);
	trial_recorded_ground(&t);
	asks(&t, "POST /servers");
	cr_assert(strstr(trial_user_data(&t), " - traefik\n"));
	t.facts.cluster.ingress = INGRESS_TRAEFIK;
	asks(&t, "POST /servers");
	cr_assert_null(strstr(trial_user_data(&t), " - traefik\n"));
}

static void expect_balancers(int workers, const char *type)
{
	t.facts.cluster.workers = workers;
	asks(&t, "POST /servers");
	cr_assert(strstr(trial_user_data(&t),
			  arena_format(t.facts.arena, "value: \"%s\"", type)),
		"%d workers: not %s", workers, type);
}

/* lb11 takes 25 targets, lb21 75, and no cluster has more than lb31 takes. */
Test(phase_node, services_get_balancers_that_take_all_nodes)
{
	trial_begin(&t, GOAL_PROVISION, "control_plane", 0);
	trial_recorded_ground(&t);
	t.facts.cluster.type = CLUSTER_DEDICATED_HA;
	expect_balancers(0, "lb11");
	expect_balancers(22, "lb11");
	expect_balancers(23, "lb21");
	expect_balancers(72, "lb21");
	expect_balancers(73, "lb31");
	expect_balancers(WORKERS_MOST, "lb31");
}
