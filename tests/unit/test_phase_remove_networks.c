/* Teardown: networks, and who else is on them. */
#include "parts.h"
#include "phase_harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct trial t;

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_remove_networks, .fini = tear_down);

static void begin(const char *phase)
{
	trial_begin(&t, GOAL_TEARDOWN, phase, 0);
}

static bool known(const char *phase)
{
	return facts_recorded(&t.facts, phase, 0);
}

Test(phase_remove_networks, trusts_no_filter_for_networks_either)
{
	begin("networks");
	asks(&t, NETWORKS);
	takes(&t, 200,
		"{\"networks\":[{\"id\":3,\"servers\":[900],\"labels\":"
		"{\"mengi.cloud/cluster\":\"other\"}}]}",
		"next");
	asks(&t, "done");
}

Test(phase_remove_networks, networks_without_listing_them_twice)
{
	begin("networks");
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	asks(&t, NETWORKS);
	takes(&t, 200, BARE_NETWORK, "next");
	erases(&t, "/networks/2");
	asks(&t, "done");
	cr_assert_not(known("network"));
	cr_assert(t.facts.swept);
}

/* Somebody took its label off: no list shows it, and who is on it. */
Test(phase_remove_networks, that_lost_their_label_keep_their_neighbours)
{
	static const char *const phases[] = {"networks", "sweep"};

	for (size_t i = 0; i < COUNT(phases); i++) {
		begin(phases[i]);
		trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
		asks(&t, NETWORKS);
		takes(&t, 200, EMPTY("networks"), "next");
		while (t.replied)
			takes(&t, 200, trial_nothing(&t, trial_ask(&t)),
				"next");
		asks(&t, "GET /networks/2");
		takes(&t, 200,
			"{\"network\":{\"id\":2,\"name\":\"net\","
			"\"servers\":[11]}}",
			"next");
		asks(&t, "GET /servers/11");
		takes(&t, 200, "{\"server\":{\"id\":11,\"name\":\"bastion\"}}",
			"next");
		asks(&t, "failed retry neighbours");
		says(&t, "bastion");
		cr_assert(known("network"));
		if (i + 1 < COUNT(phases))
			trial_end(&t);
	}
}

Test(phase_remove_networks, that_are_gone_are_looked_at_in_vain)
{
	begin("networks");
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	asks(&t, NETWORKS);
	takes(&t, 200, EMPTY("networks"), "next");
	asks(&t, "GET /networks/2");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "DELETE /networks/2");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "done");
	cr_assert_str_eq(trial_fate(&t, RESOURCE_NETWORK, 2), "gone");
}

#define MEMBERS(balancers, servers)                                            \
	"{\"networks\":[{\"id\":2," OUR_LABEL                                  \
	",\"load_balancers\":[" balancers "],\"servers\":[" servers "]}]}"
#define CONTROLLERS "\"labels\":{\"hcloud-ccm/service-uid\":\"u\"}"
#define ONE_FRONT(id)                                                          \
	"{\"load_balancers\":[{\"id\":" id ",\"name\":\"f\"," CONTROLLERS "}]}"

/* Until the last server is gone, Kubernetes may make a load balancer. */
Test(phase_remove_networks, networks_after_all_that_is_on_them)
{
	begin("networks");
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	asks(&t, NETWORKS);
	takes(&t, 200, MEMBERS("5", "11"), "next");
	asks(&t, FRONTS("1"));
	takes(&t, 200, ONE_FRONT("5"), "next");
	asks(&t, "GET /servers/11");
	takes(&t, 200,
		"{\"server\":{\"id\":11,\"labels\":{\"hcloud/node-group\":"
		"\"g\"}}}",
		"next");
	erases(&t, "/load_balancers/5");
	asks(&t, "DELETE /servers/11");
	takes(&t, 200, "{}", "next");
	asks(&t, "waits 500");
	cr_assert(known("network"));

	trial_lease_again(&t);
	asks(&t, NETWORKS);
	takes(&t, 200, MEMBERS("6", ""), "next");
	asks(&t, FRONTS("1"));
	takes(&t, 200, ONE_FRONT("6"), "next");
	asks(&t, "DELETE /load_balancers/6");
	takes(&t, 423, ERROR("locked"), "next");
	asks(&t, "waits 500");

	/* It is recorded now. */
	trial_lease_again(&t);
	asks(&t, NETWORKS);
	takes(&t, 200, MEMBERS("6", ""), "next");
	erases(&t, "/load_balancers/6");
	erases(&t, "/networks/2");
	asks(&t, "done");
	cr_assert_not(known("network"));
	cr_assert_not(t.facts.swept, "that server may have made a volume");
}

Test(phase_remove_networks, networks_wait_for_their_neighbours)
{
	begin("networks");
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	for (int i = 0; i < 2; i++) {
		asks(&t, NETWORKS);
		takes(&t, 200, MEMBERS("", "11"), "next");
		asks(&t, "GET /servers/11");
		takes(&t, 200, "{\"server\":{\"id\":11,\"name\":\"bastion\"}}",
			"next");
		asks(&t, "failed retry neighbours");
		says(&t, "server 'bastion' (id 11)");
		says(&t, "--with-neighbours");
		cr_assert_eq(t.facts.kept_count, 1);
		cr_assert_eq(t.facts.kept[0].stay, STAY_NEIGHBOUR);
		trial_lease_again(&t);
	}
	asks(&t, NETWORKS);
	takes(&t, 200, BARE_NETWORK, "next");
	erases(&t, "/networks/2");
	asks(&t, "done");
}

Test(phase_remove_networks, networks_take_their_neighbours_along_when_told_to)
{
	begin("networks");
	t.facts.removal.with_neighbours = true;
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	asks(&t, NETWORKS);
	takes(&t, 200, MEMBERS("", "11"), "next");
	asks(&t, "GET /servers/11");
	takes(&t, 200, "{\"server\":{\"id\":11,\"name\":\"bastion\"}}", "next");
	asks(&t, "DELETE /servers/11");
	takes(&t, 200, "{}", "next");
	asks(&t, "waits 500");
	cr_assert_str_eq(trial_fate(&t, RESOURCE_SERVER, 11), "deleted");

	/* On its way out: it is not asked for again, and told to be gone. */
	trial_lease_again(&t);
	asks(&t, NETWORKS);
	takes(&t, 200, MEMBERS("", "11"), "next");
	asks(&t, "GET /servers/11");
	takes(&t, 200,
		"{\"server\":{\"id\":11,\"name\":\"bastion\",\"status\":"
		"\"deleting\"}}",
		"next");
	asks(&t, "waits 500");
	cr_assert_str_eq(trial_fate(&t, RESOURCE_SERVER, 11), "unknown");
}

Test(phase_remove_networks, neighbours_are_looked_at_ever_more_slowly)
{
	struct err err = {.kind = ERR_RETRY, .code = "neighbours"};

	begin("networks");
	cr_assert_eq(phase_retry_ms(GOAL_TEARDOWN, &t.facts, &err), 500);
	t.facts.failures = 1000000;
	cr_assert_eq(phase_retry_ms(GOAL_TEARDOWN, &t.facts, &err), 300000);
}

Test(phase_remove_networks, networks_in_use_are_looked_at_again)
{
	begin("networks");
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	asks(&t, NETWORKS);
	takes(&t, 200, BARE_NETWORK, "next");
	asks(&t, "DELETE /networks/2");
	takes(&t, 409, ERROR("conflict"), "next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
	asks(&t, NETWORKS);
	takes(&t, 200, MEMBERS("5", ""), "next");
	asks(&t, FRONTS("1"));
}

/* What Hetzner's lists still show, though it is gone, hinders nothing. */
Test(phase_remove_networks, networks_whatever_their_lists_still_show)
{
	begin("networks");
	asks(&t, NETWORKS);
	takes(&t, 200, MEMBERS("", "10,11"), "next");
	asks(&t, "GET /servers/10");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "GET /servers/11");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "DELETE /networks/2");
}

/* The phases that others wait for go on; the network's does not. */
Test(phase_remove_networks, what_is_protected_holds_up_nothing_else)
{
	begin("servers");
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	asks(&t, "DELETE /servers/12");
	takes(&t, 403, ERROR("protected"), "next");
	asks(&t, "done");
	cr_assert_not(t.facts.swept);

	trial_end(&t);
	begin("networks");
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	asks(&t, NETWORKS);
	takes(&t, 200, MEMBERS("", "12"), "next");
	asks(&t, "DELETE /servers/12");
	takes(&t, 403, ERROR("protected"), "next");
	asks(&t, "failed retry protected");
	cr_assert(known("network"));
}
