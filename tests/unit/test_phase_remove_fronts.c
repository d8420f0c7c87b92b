/* Teardown: load balancers, and what the servers tell while they are there. */
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

TestSuite(phase_remove_fronts, .fini = tear_down);

static void begin(const char *phase)
{
	trial_begin(&t, GOAL_TEARDOWN, phase, 0);
}

static bool known(const char *phase)
{
	return facts_recorded(&t.facts, phase, 0);
}

/* Balancer 4 and server 12 are recorded; the list of servers is given. */
static void begin_with_servers(const char *servers)
{
	begin("load_balancers");
	trial_recorded(&t, RESOURCE_LOAD_BALANCER, "load_balancer", 0, 4);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	asks(&t, LISTED("servers"));
	takes(&t, 200, servers, "next");
}

#define CONTROLLERS "\"labels\":{\"hcloud-ccm/service-uid\":\"u\"}"

Test(phase_remove_fronts, load_balancers_of_ours_and_of_kubernetes)
{
	begin("load_balancers");
	trial_recorded(&t, RESOURCE_LOAD_BALANCER, "load_balancer", 0, 4);
	trial_recorded(&t, RESOURCE_SERVER, "control_plane", 0, 11);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	trial_recorded(&t, RESOURCE_SERVER, "nat_gateway", 0, 10);
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	asks(&t, LISTED("servers"));
	cr_assert_not(t.ask.shared);
	takes(&t, 200,
		"{\"servers\":[{\"id\":12," OUR_LABEL
		",\"load_balancers\":[4,6,7]},{\"id\":10," OUR_LABEL
		"},{\"id\":11," OUR_LABEL "}]}",
		"next");
	/* 6 and 7 are not known. */
	asks(&t, FRONTS("1"));
	cr_assert(t.ask.shared, "every cluster of the project asks it");
	takes(&t, 200, trial_file(&t, "load_balancer/list.json"), "next");
	asks(&t, FRONTS("2"));
	takes(&t, 200, "{\"load_balancers\":[]}", "next");
	/* 4 is recorded, 5 on the network, 6 before our servers alone. */
	erases(&t, "/load_balancers/4");
	asks(&t, "DELETE /load_balancers/5");
	takes(&t, 404, ERROR("not_found"), "next");
	erases(&t, "/load_balancers/6");
	asks(&t, "done");
	cr_assert_not(known("load_balancer"));
	cr_assert(known("control_plane"));
	cr_assert_str_eq(trial_fate(&t, RESOURCE_LOAD_BALANCER, 4), "deleted");
	cr_assert_str_eq(trial_fate(&t, RESOURCE_LOAD_BALANCER, 5), "gone");
	cr_assert_str_eq(trial_fate(&t, RESOURCE_LOAD_BALANCER, 6), "deleted");
}

/* While the servers are there they tell what is at them. */
Test(phase_remove_fronts, what_is_at_the_servers_is_recorded)
{
	begin_with_servers(
		"{\"servers\":[{\"id\":12,\"name\":\"w\"," OUR_LABEL
		",\"volumes\":[31,32],\"load_balancers\":[4,6],"
		"\"public_net\":{\"ipv4\":{\"id\":51,\"ip\":\"9.9.9.9\"}}},"
		"{\"id\":13,\"name\":\"lost\"," OUR_LABEL "}]}");
	asks(&t, FRONTS("1"));
	takes(&t, 200, "{\"load_balancers\":[]}", "next");
	erases(&t, "/load_balancers/4");
	asks(&t, "done");
	cr_assert(facts_with_id(&t.facts, RESOURCE_SERVER, 13));
	cr_assert(facts_with_id(&t.facts, RESOURCE_VOLUME, 31));
	cr_assert(facts_with_id(&t.facts, RESOURCE_VOLUME, 32));
	cr_assert(facts_with_id(&t.facts, RESOURCE_PRIMARY_IP, 51));
}

/* Nothing else tells of an autoscaler's servers that early. */
Test(phase_remove_fronts, whom_balancers_lead_to_is_looked_for_on_the_network)
{
	begin_with_servers("{\"servers\":[{\"id\":12," OUR_LABEL
			   ",\"load_balancers\":[5]}]}");
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	asks(&t, FRONTS("1"));
	takes(&t, 200,
		"{\"load_balancers\":[{\"id\":5," CONTROLLERS
		",\"private_net\":[{\"network\":2}],\"targets\":["
		"{\"type\":\"server\",\"server\":{\"id\":12}},"
		"{\"type\":\"server\",\"server\":{\"id\":99}}]}]}",
		"next");
	asks(&t, NETWORKS);
	takes(&t, 200,
		"{\"networks\":[{\"id\":2," OUR_LABEL
		",\"servers\":[12,99],\"load_balancers\":[4,5]}]}",
		"next");
	asks(&t, "GET /servers/99");
	takes(&t, 200,
		"{\"server\":{\"id\":99,\"labels\":{\"hcloud/node-group\":"
		"\"g\"}}}",
		"next");
	cr_assert(facts_with_id(&t.facts, RESOURCE_SERVER, 99));
	erases(&t, "/load_balancers/4");
	erases(&t, "/load_balancers/5");
	asks(&t, "done");
}

/* Who is to go as well is expected there. */
Test(phase_remove_fronts, neighbours_to_go_are_looked_for_at_once)
{
	begin("load_balancers");
	t.facts.removal.with_neighbours = true;
	asks(&t, NETWORKS);
	takes(&t, 200, BARE_NETWORK, "next");
	asks(&t, LISTED("servers"));
}

/* As many as an answer has room for: none is compared with all others. */
Test(phase_remove_fronts, a_long_list_is_read_at_once, .timeout = 10)
{
	enum { MANY = 150000 };
	const char *head =
		"{\"networks\":[{\"id\":2,\"name\":\"net\"," OUR_LABEL
		",\"load_balancers\":[";
	size_t size = strlen(head) + 8 * MANY + 8;
	char *body = memory_new(size);

	begin("networks");
	size_t used = (size_t)snprintf(body, size, "%s", head);
	for (int i = 0; i < MANY; i++)
		used += (size_t)snprintf(
			body + used, size - used, "%d,", 100000 + i);
	snprintf(body + used - 1, size - used + 1, "]}]}");
	asks(&t, NETWORKS);
	takes(&t, 200, body, "next");
	asks(&t, FRONTS("1"));
	cr_assert_eq(t.facts.memory.members[0].count, MANY);
	free(body);
}

Test(phase_remove_fronts, load_balancers_that_are_not_recorded_are_listed)
{
	begin("load_balancers");
	asks(&t, LISTED("servers"));
	takes(&t, 200, EMPTY("servers"), "next");
	asks(&t, LISTED("load_balancers"));
	takes(&t, 200, "{\"load_balancers\":[" LABELLED(7) "]}", "next");
	erases(&t, "/load_balancers/7");
	asks(&t, "done");
	cr_assert_not(t.facts.swept, "Kubernetes may still make one");
}

Test(phase_remove_fronts, trusts_no_filter_for_load_balancers_either)
{
	begin_with_servers(
		"{\"servers\":[{\"id\":12," OUR_LABEL
		",\"load_balancers\":[5]},{\"id\":900,\"labels\":{}}]}");
	asks(&t, FRONTS("1"));
	takes(&t, 200,
		"{\"load_balancers\":[{\"id\":5,\"labels\":{},\"targets\":["
		"{\"type\":\"server\",\"server\":{\"id\":12}}]}]}",
		"next");
	erases(&t, "/load_balancers/4");
	asks(&t, "done");
	cr_assert_null(facts_with_id(&t.facts, RESOURCE_SERVER, 900));
}

Test(phase_remove_fronts, nobody_elses_load_balancer)
{
	begin("load_balancers");
	trial_recorded(&t, RESOURCE_LOAD_BALANCER, "load_balancer", 0, 9);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	asks(&t, LISTED("servers"));
	takes(&t, 200,
		"{\"servers\":[{\"id\":12," OUR_LABEL
		",\"load_balancers\":[4,9]}]}",
		"next");
	asks(&t, FRONTS("1"));
	takes(&t, 200,
		"{\"load_balancers\":[{\"id\":1," CONTROLLERS
		"},{\"id\":2,\"targets\":[]," CONTROLLERS
		"},{\"id\":3,\"targets\":[{\"type\":\"ip\",\"ip\":{\"ip\":"
		"\"1.2.3.4\"}}]," CONTROLLERS
		"},{\"id\":4,\"targets\":[{\"type\":\"server\","
		"\"server\":{\"id\":12}},{\"type\":\"server\",\"server\":"
		"{\"id\":99}}]," CONTROLLERS "}]}",
		"next");
	erases(&t, "/load_balancers/9");
	asks(&t, "done");
	/* Before servers of others as well: it is told of. */
	cr_assert_eq(t.facts.kept_count, 1);
	cr_assert_eq(t.facts.kept[0].resource.id, 4);
}
