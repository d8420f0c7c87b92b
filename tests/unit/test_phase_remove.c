/* Teardown: all that is the cluster's, and nothing else. */
#include "phase_harness.h"

#include <string.h>

static struct trial t;

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_remove, .fini = tear_down);

#define NETWORKS                                                               \
	"GET /networks?label_selector=" CLUSTER_SELECTOR "&per_page=50&page=1"
#define BALANCERS "GET /load_balancers?per_page=50&page=1"
#define LISTED(kind)                                                           \
	"GET /" kind "?label_selector=" CLUSTER_SELECTOR "&per_page=50&page=1"
#define OUR_LABEL "\"labels\":{\"mengi.cloud/cluster\":\"" CLUSTER_ID "\"}"
#define OURS(id) "{\"id\":" #id ",\"name\":\"n" #id "\"," OUR_LABEL "}"
#define ONE_NETWORK                                                            \
	"{\"networks\":[{\"id\":2,\"name\":\"net\"," OUR_LABEL                 \
	",\"servers\":[10,11],\"load_balancers\":[4]}]}"
#define EMPTY(kind) "{\"" kind "\":[]}"

static void begin(const char *phase)
{
	trial_begin(&t, GOAL_TEARDOWN, phase, 0);
}

static bool known(const char *phase)
{
	return facts_recorded(&t.facts, phase, 0);
}

Test(phase_remove, waits_for_older_runs)
{
	begin("halt");
	t.facts.older_leases = 2;
	asks(&t, "waits 1000");
	t.facts.older_leases = 0;
	asks(&t, "done");
}

Test(phase_remove, load_balancers_of_ours_and_of_kubernetes)
{
	begin("load_balancers");
	trial_recorded(&t, RESOURCE_LOAD_BALANCER, "load_balancer", 0, 4);
	trial_recorded(&t, RESOURCE_SERVER, "control_plane", 0, 11);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	asks(&t, NETWORKS);
	takes(&t, 200, ONE_NETWORK, "next");
	asks(&t, BALANCERS);
	takes(&t, 200, trial_file(&t, "load_balancer/list.json"), "next");
	asks(&t, "GET /load_balancers?per_page=50&page=2");
	takes(&t, 200, "{\"load_balancers\":[]}", "next");
	/* 4 is labelled, 5 on the network, 6 before our servers alone. */
	asks(&t, "DELETE /load_balancers/6");
	takes(&t, 204, "", "next");
	asks(&t, "DELETE /load_balancers/5");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "DELETE /load_balancers/4");
	takes(&t, 204, "", "next");
	asks(&t, "done");
	cr_assert_not(known("load_balancer"));
	cr_assert(known("control_plane"));
}

Test(phase_remove, servers_until_none_is_left)
{
	begin("servers");
	trial_recorded(&t, RESOURCE_SERVER, "control_plane", 0, 11);
	asks(&t, NETWORKS);
	takes(&t, 200, ONE_NETWORK, "next");
	asks(&t, LISTED("servers"));
	takes(&t, 200, "{\"servers\":[" OURS(11) "," OURS(12) "]}", "next");
	/* The autoscaler's has no label, but it is on the network. */
	asks(&t, "DELETE /servers/10");
	takes(&t, 200, "{\"action\":{\"id\":1,\"status\":\"running\"}}",
		"next");
	asks(&t, "DELETE /servers/12");
	takes(&t, 200, "{\"action\":{\"id\":2,\"status\":\"running\"}}",
		"next");
	asks(&t, "DELETE /servers/11");
	takes(&t, 200, "{\"action\":{\"id\":3,\"status\":\"running\"}}",
		"next");
	asks(&t, "waits 500");

	trial_lease_again(&t);
	asks(&t, NETWORKS);
	takes(&t, 200, EMPTY("networks"), "next");
	asks(&t, LISTED("servers"));
	takes(&t, 200, "{\"servers\":[" OURS(11) "]}", "next");
	asks(&t, "DELETE /servers/11");
	takes(&t, 423, ERROR("locked"), "next");
	asks(&t, "waits 500");

	trial_lease_again(&t);
	asks(&t, NETWORKS);
	takes(&t, 200, EMPTY("networks"), "next");
	asks(&t, LISTED("servers"));
	takes(&t, 200, EMPTY("servers"), "next");
	asks(&t, "done");
	cr_assert_not(known("control_plane"));
}

Test(phase_remove, what_is_recorded_though_its_label_is_gone)
{
	begin("firewalls");
	trial_recorded(&t, RESOURCE_FIREWALL, "firewall", 0, 3);
	asks(&t, LISTED("firewalls"));
	takes(&t, 200, EMPTY("firewalls"), "next");
	asks(&t, "DELETE /firewalls/3");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "done");
	cr_assert_not(known("firewall"));
}

Test(phase_remove, follows_the_pages)
{
	begin("ssh_keys");
	asks(&t, LISTED("ssh_keys"));
	takes(&t, 200,
		"{\"ssh_keys\":[" OURS(1) "],\"meta\":{\"pagination\":"
					  "{\"next_page\":2}}}",
		"next");
	asks(&t, "GET /ssh_keys?label_selector=" CLUSTER_SELECTOR
		 "&per_page=50&page=2");
	takes(&t, 200, "{\"ssh_keys\":[" OURS(2) "]}", "next");
	asks(&t, "DELETE /ssh_keys/2");
	takes(&t, 204, "", "next");
	asks(&t, "DELETE /ssh_keys/1");
	takes(&t, 204, "", "next");
	asks(&t, "done");
}

/* Should a filter ever be ignored, a project must not be emptied by it. */
Test(phase_remove, trusts_no_filter)
{
	begin("placement_groups");
	asks(&t, LISTED("placement_groups"));
	takes(&t, 200,
		"{\"placement_groups\":[{\"id\":1,\"labels\":{}},{\"id\":2},"
		"{\"id\":3,\"labels\":{\"mengi.cloud/cluster\":\"other\"}}]}",
		"next");
	asks(&t, "done");
}

Test(phase_remove, trusts_no_filter_for_networks_either)
{
	begin("servers");
	asks(&t, NETWORKS);
	takes(&t, 200,
		"{\"networks\":[{\"id\":3,\"servers\":[900],\"labels\":"
		"{\"mengi.cloud/cluster\":\"other\"}}]}",
		"next");
	asks(&t, LISTED("servers"));
	takes(&t, 200, EMPTY("servers"), "next");
	asks(&t, "done");
}

Test(phase_remove, an_answer_without_a_list_is_not_an_empty_one)
{
	begin("placement_groups");
	trial_ask(&t);
	takes(&t, 200, "{}", "failed retry bad_answer");
}

Test(phase_remove, volumes_are_detached_first)
{
	begin("volumes");
	asks(&t, LISTED("volumes"));
	takes(&t, 200,
		"{\"volumes\":[" OURS(1) ",{\"id\":2,\"name\":\"v\",\"server\":"
					 "11," OUR_LABEL "}]}",
		"next");
	asks(&t, "POST /volumes/2/actions/detach");
	sends(&t, "");
	takes(&t, 201, "{\"action\":{\"id\":1,\"status\":\"running\"}}",
		"next");
	asks(&t, "DELETE /volumes/1");
	takes(&t, 204, "", "next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
	asks(&t, LISTED("volumes"));
	takes(&t, 200, "{\"volumes\":[" OURS(2) "]}", "next");
	asks(&t, "DELETE /volumes/2");
	takes(&t, 204, "", "next");
	asks(&t, "done");
}

Test(phase_remove, networks_without_listing_them_twice)
{
	begin("networks");
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	asks(&t, NETWORKS);
	takes(&t, 200, ONE_NETWORK, "next");
	asks(&t, "DELETE /networks/2");
	takes(&t, 204, "", "next");
	asks(&t, "done");
	cr_assert_not(known("network"));
}

Test(phase_remove, what_is_still_in_use_goes_later)
{
	begin("firewalls");
	trial_ask(&t);
	takes(&t, 200, "{\"firewalls\":[" OURS(1) "," OURS(2) "]}", "next");
	asks(&t, "DELETE /firewalls/2");
	takes(&t, 422, ERROR("resource_in_use"), "next");
	asks(&t, "DELETE /firewalls/1");
	takes(&t, 204, "", "next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
	t.facts.age_ms = 11 * 60 * 1000;
	trial_ask(&t);
	takes(&t, 200, "{\"firewalls\":[" OURS(2) "]}", "next");
	trial_ask(&t);
	takes(&t, 422, ERROR("resource_in_use"), "next");
	asks(&t, "failed retry still_busy");
	cr_assert_gt(phase_retry_ms(GOAL_TEARDOWN, &t.err, 1000), 0);
}

Test(phase_remove, what_is_protected_is_the_customers_to_release)
{
	begin("volumes");
	trial_ask(&t);
	takes(&t, 200, "{\"volumes\":[" OURS(17) "]}", "next");
	asks(&t, "DELETE /volumes/17");
	takes(&t, 403, ERROR("protected"), "failed refused protected");
	says(&t, "The volume 'n17' (id 17) is protected from deletion.");
	says(&t, "Hetzner Console");
}

Test(phase_remove, nothing_of_a_cluster_that_never_was)
{
	static const char *const phases[] = {"volumes", "firewalls",
		"placement_groups", "ssh_keys", "primary_ips"};

	for (size_t i = 0; i < COUNT(phases); i++) {
		if (i > 0)
			trial_end(&t);
		begin(phases[i]);
		cr_assert_eq(strncmp(trial_ask(&t), "GET /", 5), 0);
		takes(&t, 200,
			arena_format(t.facts.arena, "{\"%s\":[]}", phases[i]),
			"next");
		asks(&t, "done");
	}
}

static const char *const swept[] = {"servers", "volumes", "firewalls",
	"placement_groups", "ssh_keys", "primary_ips"};

/* Every kind but load balancers and networks answers with an empty list. */
static void sweep_rest(size_t from)
{
	for (size_t i = from; i < COUNT(swept); i++) {
		cr_assert_str_eq(trial_ask(&t),
			arena_format(t.facts.arena,
				"GET /%s?label_selector=%s&per_page=50&page=1",
				swept[i], CLUSTER_SELECTOR));
		takes(&t, 200,
			arena_format(t.facts.arena, "{\"%s\":[]}", swept[i]),
			"next");
	}
}

Test(phase_remove, sweeps_every_kind_in_eight_requests)
{
	begin("sweep");
	asks(&t, NETWORKS);
	takes(&t, 200, EMPTY("networks"), "next");
	asks(&t, BALANCERS);
	takes(&t, 200, EMPTY("load_balancers"), "next");
	sweep_rest(0);
	asks(&t, "done");
}

Test(phase_remove, sweeps_again_until_nothing_is_found)
{
	begin("sweep");
	asks(&t, NETWORKS);
	takes(&t, 200, ONE_NETWORK, "next");
	asks(&t, BALANCERS);
	takes(&t, 200,
		"{\"load_balancers\":[{\"id\":5,\"private_net\":[{\"network\":"
		"2}]},{\"id\":7,\"private_net\":[{\"network\":3}]}]}",
		"next");
	asks(&t, "DELETE /load_balancers/5");
	takes(&t, 204, "", "next");
	asks(&t, LISTED("servers"));
	takes(&t, 200, EMPTY("servers"), "next");
	asks(&t, "DELETE /servers/11");
	takes(&t, 200, "{}", "next");
	asks(&t, "DELETE /servers/10");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, LISTED("volumes"));
	takes(&t, 200, EMPTY("volumes"), "next");
	asks(&t, "DELETE /networks/2");
	takes(&t, 409, ERROR("conflict"), "next");
	sweep_rest(2);
	asks(&t, "waits 500");
	trial_lease_again(&t);
	asks(&t, NETWORKS);
}

Test(phase_remove, sweeps_again_after_the_least_finding)
{
	begin("sweep");
	trial_ask(&t);
	takes(&t, 200, EMPTY("networks"), "next");
	trial_ask(&t);
	takes(&t, 200, "{\"load_balancers\":[{\"id\":5," OUR_LABEL "}]}",
		"next");
	asks(&t, "DELETE /load_balancers/5");
	takes(&t, 204, "", "next");
	sweep_rest(0);
	asks(&t, "waits 500");
}

Test(phase_remove, nobody_elses_load_balancer)
{
	begin("load_balancers");
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	trial_ask(&t);
	takes(&t, 200, EMPTY("networks"), "next");
	trial_ask(&t);
	takes(&t, 200,
		"{\"load_balancers\":[{\"id\":1},{\"id\":2,\"targets\":[]},"
		"{\"id\":3,\"targets\":[{\"type\":\"ip\",\"ip\":{\"ip\":"
		"\"1.2.3.4\"}}]},{\"id\":4,\"targets\":[{\"type\":\"server\","
		"\"server\":{\"id\":12}},{\"type\":\"server\",\"server\":"
		"{\"id\":99}}]}]}",
		"next");
	asks(&t, "done");
}
