/* What somebody has deleted of a cluster is forgotten, to be made again. */
#include "phase_harness.h"

#include <stdio.h>
#include <string.h>

static struct trial t;

static void set_up(void)
{
	trial_begin(&t, GOAL_REPAIR, "prepare", 0);
	t.facts.run = 2;
	t.facts.cluster.was_ready = true;
	t.facts.cluster.type = CLUSTER_DEDICATED_HA;
	strcpy(t.facts.cluster.gateway_type, "cx22");
	strcpy(t.facts.cluster.ssh_public_key, "ssh-ed25519 AAAA");
	trial_recorded(&t, RESOURCE_LOAD_BALANCER, "load_balancer", 0, 1);
	for (int i = 0; i < 3; i++)
		trial_recorded(&t, RESOURCE_SERVER, "control_plane", i, 11 + i);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 21);
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 31);
}

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_mend, .init = set_up, .fini = tear_down);

#define ONE(id) "{\"id\":" #id ",\"name\":\"n\",\"labels\":{}}"

static void looks(const char *plural, const char *there, const char *verdict)
{
	char asked[128], body[512];

	snprintf(asked, sizeof asked,
		"GET /%s?label_selector=mengi.cloud%%2Fcluster%%3D" CLUSTER_ID
		"&per_page=50&page=1",
		plural);
	snprintf(body, sizeof body, "{\"%s\":[%s]}", plural, there);
	asks(&t, asked);
	takes(&t, 200, body, verdict);
}

static bool is_forgotten(enum resource_kind kind, int64_t id)
{
	for (size_t i = 0; i < t.facts.resource_count; i++)
		if (t.facts.resources[i].resource.kind == kind &&
			t.facts.resources[i].resource.id == id)
			return t.facts.resources[i].change == CHANGE_REMOVE;
	return false;
}

Test(phase_mend, the_first_run_has_nothing_to_look_for)
{
	t.facts.run = 1;
	asks(&t, "done");
}

Test(phase_mend, what_is_there_stays)
{
	looks("load_balancers", ONE(1), "next");
	looks("servers", ONE(11) "," ONE(12) "," ONE(13) "," ONE(21), "next");
	looks("networks", ONE(31), "next");
	asks(&t, "done");
	for (size_t i = 0; i < t.facts.resource_count; i++)
		cr_expect_eq(t.facts.resources[i].change, CHANGE_NONE);
}

Test(phase_mend, what_is_gone_is_forgotten)
{
	looks("load_balancers", ONE(1), "next");
	looks("servers", ONE(11) "," ONE(13), "next");
	looks("networks", ONE(31), "next");
	asks(&t, "done");
	cr_expect(is_forgotten(RESOURCE_SERVER, 12));
	cr_expect(is_forgotten(RESOURCE_SERVER, 21));
	cr_expect_not(is_forgotten(RESOURCE_SERVER, 11));
	cr_expect_not(is_forgotten(RESOURCE_NETWORK, 31));
}

Test(phase_mend, what_the_nodes_depend_on_is_beyond_repair)
{
	looks("load_balancers", ONE(1), "next");
	looks("servers", ONE(11) "," ONE(12) "," ONE(13) "," ONE(21), "next");
	looks("networks", "", "next");
	asks(&t, "failed refused beyond_repair");
	says(&t, "Delete this cluster and create it again.");
	cr_expect_not(is_forgotten(RESOURCE_NETWORK, 31));
}

Test(phase_mend, what_nothing_depends_on_yet_is_made_again)
{
	t.facts.resource_count = 0;
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 31);
	looks("networks", "", "next");
	asks(&t, "done");
	cr_expect(is_forgotten(RESOURCE_NETWORK, 31));
}

Test(phase_mend, most_of_the_control_planes_have_to_be_there)
{
	looks("load_balancers", ONE(1), "next");
	looks("servers", ONE(11) "," ONE(21), "next");
	looks("networks", ONE(31), "next");
	asks(&t, "failed refused beyond_repair");
	says(&t, "what the cluster knew went with it");
}

Test(phase_mend, the_only_control_plane_has_to_be_there)
{
	t.facts.cluster.type = CLUSTER_DEDICATED;
	t.facts.resource_count = 0;
	trial_recorded(&t, RESOURCE_SERVER, "control_plane", 0, 11);
	looks("servers", "", "next");
	asks(&t, "failed refused beyond_repair");
}

Test(phase_mend, before_it_ever_ran_control_planes_know_nothing)
{
	t.facts.cluster.was_ready = false;
	looks("load_balancers", ONE(1), "next");
	looks("servers", ONE(21), "next");
	looks("networks", ONE(31), "next");
	asks(&t, "done");
	cr_expect(is_forgotten(RESOURCE_SERVER, 11));
}

Test(phase_mend, a_list_that_is_none_forgets_nothing)
{
	char selector[128];

	snprintf(selector, sizeof selector,
		"GET /load_balancers?label_selector=mengi.cloud%%2Fcluster%%3D" CLUSTER_ID
		"&per_page=50&page=1");
	asks(&t, selector);
	takes(&t, 200, "{}", "failed retry bad_answer");
	cr_expect_not(is_forgotten(RESOURCE_LOAD_BALANCER, 1));
}
