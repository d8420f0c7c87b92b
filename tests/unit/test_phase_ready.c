/* Ready: the load balancer tells, and addresses are noted. */
#include "phase_harness.h"

#include <string.h>

static struct trial t;

static void set_up(void)
{
	trial_begin(&t, GOAL_PROVISION, "ready", 0);
	trial_recorded_ground(&t);
	trial_recorded(&t, RESOURCE_SERVER, "nat_gateway", 0, 10);
	trial_recorded(&t, RESOURCE_SERVER, "control_plane", 0, 11);
}

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_ready, .init = set_up, .fini = tear_down);

#define SERVERS "GET /servers?label_selector=" CLUSTER_SELECTOR "&per_page=50"

static const char *address_of(const char *phase)
{
	return facts_recorded(&t.facts, phase, 0)->private_address;
}

Test(phase_ready, when_the_control_plane_answers)
{
	asks(&t, "GET /load_balancers/4");
	takes(&t, 200, trial_file(&t, "load_balancer/health.json"), "next");
	asks(&t, SERVERS "&page=1");
	takes(&t, 200,
		"{\"servers\":[{\"id\":10,\"private_net\":[{\"network\":2,"
		"\"ip\":\"10.0.0.254\"}]},{\"id\":99}],\"meta\":{"
		"\"pagination\":{\"next_page\":2}}}",
		"next");
	asks(&t, SERVERS "&page=2");
	takes(&t, 200,
		"{\"servers\":[{\"id\":11,\"private_net\":[{\"network\":2,"
		"\"ip\":\"10.0.0.3\"}]}]}",
		"next");
	asks(&t, "done");
	cr_assert_str_eq(address_of("nat_gateway"), "10.0.0.254");
	cr_assert_str_eq(address_of("control_plane"), "10.0.0.3");
}

Test(phase_ready, only_when_all_control_planes_answer)
{
	t.facts.cluster.type = CLUSTER_DEDICATED_HA;
	t.facts.age_ms = 4000;
	asks(&t, "GET /load_balancers/4");
	takes(&t, 200, trial_file(&t, "load_balancer/health.json"),
		"wait 2000");
	trial_lease_again(&t);
	t.facts.age_ms = 29 * 60 * 1000;
	asks(&t, "GET /load_balancers/4");
	takes(&t, 200, trial_file(&t, "load_balancer/health.json"),
		"wait 5000");
}

Test(phase_ready, or_never)
{
	t.facts.cluster.type = CLUSTER_DEDICATED_HA;
	t.facts.age_ms = 31 * 60 * 1000;
	trial_ask(&t);
	takes(&t, 200, trial_file(&t, "load_balancer/health.json"),
		"failed refused not_ready");
	says(&t, "1 of 3 control planes");
}

Test(phase_ready, not_before_the_targets_are_there)
{
	trial_ask(&t);
	takes(&t, 200, "{\"load_balancer\":{\"id\":4,\"targets\":[]}}",
		"wait 500");
}

Test(phase_ready, not_when_another_port_answers)
{
	trial_ask(&t);
	takes(&t, 200,
		"{\"load_balancer\":{\"id\":4,\"targets\":[{\"targets\":["
		"{\"health_status\":[{\"listen_port\":80,\"status\":"
		"\"healthy\"},{\"listen_port\":6443,\"status\":"
		"\"unhealthy\"}]}]}]}}",
		"wait 500");
}

Test(phase_ready, not_with_a_load_balancer_that_is_gone)
{
	trial_ask(&t);
	takes(&t, 404, ERROR("not_found"), "failed refused load_balancer_gone");
}

Test(phase_ready, never_without_a_load_balancer)
{
	facts_remove(&t.facts, "load_balancer", 0);
	asks(&t, "failed bug not_recorded");
}
