/* Teardown: all that is the cluster's, and nothing else. */
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

TestSuite(phase_remove, .fini = tear_down);

static void begin(const char *phase)
{
	trial_begin(&t, GOAL_TEARDOWN, phase, 0);
}

static bool known(const char *phase)
{
	return facts_recorded(&t.facts, phase, 0);
}

/* "deleted", "gone" or "kept"; "none" of what is in no receipt. */
static const char *fate_of(enum resource_kind kind, int64_t id)
{
	for (size_t i = 0; i < t.facts.resource_count; i++) {
		const struct fact_resource *fact = &t.facts.resources[i];
		if (fact->resource.kind == kind && fact->resource.id == id &&
			fact->change == CHANGE_REMOVE)
			return words_text(&fate_words, (int)fact->fate);
	}
	return "unknown";
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
	trial_recorded(&t, RESOURCE_SERVER, "nat_gateway", 0, 10);
	asks(&t, NETWORKS);
	cr_assert_not(t.ask.shared);
	takes(&t, 200, ONE_NETWORK, "next");
	asks(&t, LISTED("servers"));
	takes(&t, 200,
		"{\"servers\":[{\"id\":12," OUR_LABEL
		",\"load_balancers\":[4,6,7]}]}",
		"next");
	/* 5 is on the network, and we have not made it. */
	asks(&t, FRONTS("1"));
	cr_assert(t.ask.shared, "every cluster of the project asks it");
	takes(&t, 200, trial_file(&t, "load_balancer/list.json"), "next");
	asks(&t, FRONTS("2"));
	takes(&t, 200, "{\"load_balancers\":[]}", "next");
	/* 4 is recorded, 5 on the network, 6 before our servers alone. */
	asks(&t, "DELETE /load_balancers/4");
	takes(&t, 204, "", "next");
	asks(&t, "DELETE /load_balancers/5");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "DELETE /load_balancers/6");
	takes(&t, 204, "", "next");
	asks(&t, "done");
	cr_assert_not(known("load_balancer"));
	cr_assert(known("control_plane"));
	cr_assert_str_eq(fate_of(RESOURCE_LOAD_BALANCER, 4), "deleted");
	cr_assert_str_eq(fate_of(RESOURCE_LOAD_BALANCER, 5), "gone");
	cr_assert_str_eq(fate_of(RESOURCE_LOAD_BALANCER, 6), "deleted");
}

/* While the servers are there they tell what is at them. */
Test(phase_remove, what_is_at_the_servers_is_recorded)
{
	begin("load_balancers");
	trial_recorded(&t, RESOURCE_LOAD_BALANCER, "load_balancer", 0, 4);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	asks(&t, NETWORKS);
	takes(&t, 200, BARE_NETWORK, "next");
	asks(&t, LISTED("servers"));
	takes(&t, 200,
		"{\"servers\":[{\"id\":12,\"name\":\"w\"," OUR_LABEL
		",\"volumes\":[31,32],\"load_balancers\":[4,6],"
		"\"public_net\":{\"ipv4\":{\"id\":51,\"ip\":\"9.9.9.9\"}}},"
		"{\"id\":13,\"name\":\"lost\"," OUR_LABEL "}]}",
		"next");
	asks(&t, FRONTS("1"));
	takes(&t, 200, "{\"load_balancers\":[]}", "next");
	asks(&t, "DELETE /load_balancers/4");
	takes(&t, 204, "", "next");
	asks(&t, "done");
	cr_assert(facts_with_id(&t.facts, RESOURCE_SERVER, 13));
	cr_assert(facts_with_id(&t.facts, RESOURCE_VOLUME, 31));
	cr_assert(facts_with_id(&t.facts, RESOURCE_VOLUME, 32));
	cr_assert(facts_with_id(&t.facts, RESOURCE_PRIMARY_IP, 51));
}

/* As many as an answer has room for: none is compared with all others. */
Test(phase_remove, a_long_list_is_read_at_once, .timeout = 10)
{
	enum { MANY = 150000 };
	const char *head =
		"{\"networks\":[{\"id\":2,\"name\":\"net\"," OUR_LABEL
		",\"load_balancers\":[";
	size_t size = strlen(head) + 8 * MANY + 8;
	char *body = memory_new(size);

	begin("load_balancers");
	size_t used = (size_t)snprintf(body, size, "%s", head);
	for (int i = 0; i < MANY; i++)
		used += (size_t)snprintf(
			body + used, size - used, "%d,", 100000 + i);
	snprintf(body + used - 1, size - used + 1, "]}]}");
	asks(&t, NETWORKS);
	takes(&t, 200, body, "next");
	cr_assert_eq(t.facts.memory.members[0].count, MANY);
	free(body);
}

Test(phase_remove, load_balancers_that_are_not_recorded_are_listed)
{
	begin("load_balancers");
	asks(&t, NETWORKS);
	takes(&t, 200, EMPTY("networks"), "next");
	asks(&t, LISTED("servers"));
	takes(&t, 200, EMPTY("servers"), "next");
	asks(&t, LISTED("load_balancers"));
	takes(&t, 200, "{\"load_balancers\":[" LABELLED(7) "]}", "next");
	asks(&t, "DELETE /load_balancers/7");
	takes(&t, 204, "", "next");
	asks(&t, "done");
	cr_assert_not(t.facts.swept, "Kubernetes may still make one");
}

Test(phase_remove, servers_until_none_is_left)
{
	begin("servers");
	trial_recorded(&t, RESOURCE_SERVER, "control_plane", 0, 11);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	/* Recorded: no need to look for them. */
	asks(&t, "DELETE /servers/11");
	takes(&t, 200, "{\"action\":{\"id\":3,\"status\":\"running\"}}",
		"next");
	asks(&t, "DELETE /servers/12");
	takes(&t, 423, ERROR("locked"), "next");
	asks(&t, "waits 500");
	cr_assert_not(known("control_plane"));

	trial_lease_again(&t);
	asks(&t, "DELETE /servers/12");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "waits 500");

	/* One of an attempt that could record nothing, one on its way out. */
	trial_lease_again(&t);
	asks(&t, LISTED("servers"));
	takes(&t, 200,
		"{\"servers\":[" LABELLED(13) ",{\"id\":11,\"status\":"
					      "\"deleting\"," OUR_LABEL "}]}",
		"next");
	asks(&t, "DELETE /servers/13");
	takes(&t, 200, "{\"action\":{\"id\":3,\"status\":\"running\"}}",
		"next");
	asks(&t, "waits 500");

	trial_lease_again(&t);
	asks(&t, LISTED("servers"));
	takes(&t, 200,
		"{\"servers\":[{\"id\":11,\"status\":\"deleting\"," OUR_LABEL
		"}]}",
		"next");
	asks(&t, "waits 500");
	cr_assert_not(t.facts.swept);

	trial_lease_again(&t);
	asks(&t, LISTED("servers"));
	takes(&t, 200, EMPTY("servers"), "next");
	asks(&t, "done");
	cr_assert(t.facts.swept);
}

Test(phase_remove, what_is_recorded_without_looking_for_it)
{
	begin("firewalls");
	trial_recorded(&t, RESOURCE_FIREWALL, "firewall", 0, 3);
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
		"{\"ssh_keys\":[" LABELLED(1) "],\"meta\":{\"pagination\":"
					      "{\"next_page\":2}}}",
		"next");
	asks(&t, "GET /ssh_keys?label_selector=" CLUSTER_SELECTOR
		 "&per_page=50&page=2");
	takes(&t, 200, "{\"ssh_keys\":[" LABELLED(2) "]}", "next");
	asks(&t, "DELETE /ssh_keys/1");
	takes(&t, 204, "", "next");
	asks(&t, "DELETE /ssh_keys/2");
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
	begin("networks");
	asks(&t, NETWORKS);
	takes(&t, 200,
		"{\"networks\":[{\"id\":3,\"servers\":[900],\"labels\":"
		"{\"mengi.cloud/cluster\":\"other\"}}]}",
		"next");
	asks(&t, "done");
}

Test(phase_remove, trusts_no_filter_for_load_balancers_either)
{
	begin("load_balancers");
	trial_recorded(&t, RESOURCE_LOAD_BALANCER, "load_balancer", 0, 4);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	asks(&t, NETWORKS);
	takes(&t, 200, EMPTY("networks"), "next");
	asks(&t, LISTED("servers"));
	takes(&t, 200,
		"{\"servers\":[{\"id\":12," OUR_LABEL
		",\"load_balancers\":[5]},{\"id\":900,\"labels\":{}}]}",
		"next");
	asks(&t, FRONTS("1"));
	takes(&t, 200,
		"{\"load_balancers\":[{\"id\":5,\"labels\":{},\"targets\":["
		"{\"type\":\"server\",\"server\":{\"id\":12}}]}]}",
		"next");
	asks(&t, "DELETE /load_balancers/4");
	takes(&t, 204, "", "next");
	asks(&t, "done");
	cr_assert_null(facts_with_id(&t.facts, RESOURCE_SERVER, 900));
}

Test(phase_remove, an_answer_without_a_list_is_not_an_empty_one)
{
	begin("placement_groups");
	trial_ask(&t);
	takes(&t, 200, "{}", "failed retry bad_answer");
}

#define TWO_VOLUMES                                                            \
	"{\"volumes\":[" LABELLED(1) ",{\"id\":2,\"name\":\"v\",\"server\":"   \
				     "11," OUR_LABEL "}]}"
#define DETACHING "{\"action\":{\"id\":1,\"status\":\"running\"}}"

Test(phase_remove, volumes_are_detached_first)
{
	begin("volumes");
	asks(&t, LISTED("volumes"));
	takes(&t, 200, TWO_VOLUMES, "next");
	asks(&t, "DELETE /volumes/1");
	takes(&t, 204, "", "next");
	asks(&t, "POST /volumes/2/actions/detach");
	sends(&t, "");
	takes(&t, 201, DETACHING, "next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
	asks(&t, LISTED("volumes"));
	takes(&t, 200, "{\"volumes\":[" LABELLED(2) "]}", "next");
	asks(&t, "DELETE /volumes/2");
	takes(&t, 204, "", "next");
	asks(&t, "done");
	cr_assert(t.facts.swept);
}

/* Its server went between the list and the question. */
Test(phase_remove, a_volume_that_is_free_meanwhile_goes_at_once)
{
	begin("volumes");
	asks(&t, LISTED("volumes"));
	takes(&t, 200,
		"{\"volumes\":[{\"id\":2,\"name\":\"v\",\"server\":11," OUR_LABEL
		"}]}",
		"next");
	asks(&t, "POST /volumes/2/actions/detach");
	takes(&t, 422, "{\"error\":{\"code\":\"volume_not_attached\"}}",
		"next");
	asks(&t, "DELETE /volumes/2");
	takes(&t, 204, "", "next");
	asks(&t, "done");
	cr_assert_str_eq(fate_of(RESOURCE_VOLUME, 2), "deleted");
}

Test(phase_remove, volumes_to_be_kept_only_lose_our_label)
{
	begin("volumes");
	t.facts.removal.keep_volumes = true;
	asks(&t, LISTED("volumes"));
	takes(&t, 200,
		"{\"volumes\":[{\"id\":1,\"name\":\"v\",\"protection\":"
		"{\"delete\":true},\"labels\":{\"mengi.cloud/cluster\":"
		"\"" CLUSTER_ID "\",\"pvc-name\":\"data\"}}]}",
		"next");
	asks(&t, "PUT /volumes/1");
	sends(&t, "{\"labels\":{\"pvc-name\":\"data\","
		  "\"mengi.cloud/kept-from\":\"" CLUSTER_ID "\"}}");
	takes(&t, 200, "{\"volume\":{\"id\":1}}", "next");
	asks(&t, "done");
	cr_assert_str_eq(fate_of(RESOURCE_VOLUME, 1), "kept");
}

/* What was at a server: the driver's goes, anybody else's stays. */
Test(phase_remove, volumes_without_our_label)
{
	begin("volumes");
	trial_recorded(&t, RESOURCE_VOLUME, "at_server", 0, 31);
	trial_recorded(&t, RESOURCE_VOLUME, "at_server", 1, 32);
	trial_recorded(&t, RESOURCE_VOLUME, "at_server", 2, 33);
	asks(&t, LISTED("volumes"));
	takes(&t, 200, EMPTY("volumes"), "next");
	asks(&t, "GET /volumes/31");
	takes(&t, 200,
		"{\"volume\":{\"id\":31,\"labels\":{\"managed-by\":"
		"\"csi-driver\"}}}",
		"next");
	asks(&t, "GET /volumes/32");
	takes(&t, 200, "{\"volume\":{\"id\":32,\"name\":\"theirs\"}}", "next");
	asks(&t, "GET /volumes/33");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "DELETE /volumes/31");
	takes(&t, 204, "", "next");
	asks(&t, "done");
	cr_assert_eq(t.facts.kept_count, 1);
	cr_assert_str_eq(t.facts.kept[0].resource.name, "theirs");
	cr_assert_eq(t.facts.kept[0].stay, STAY_FOR_GOOD);
	cr_assert_str_eq(fate_of(RESOURCE_VOLUME, 32), "none");
	cr_assert_str_eq(fate_of(RESOURCE_VOLUME, 33), "none");
}

Test(phase_remove, networks_without_listing_them_twice)
{
	begin("networks");
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	asks(&t, NETWORKS);
	takes(&t, 200, BARE_NETWORK, "next");
	asks(&t, "DELETE /networks/2");
	takes(&t, 204, "", "next");
	asks(&t, "done");
	cr_assert_not(known("network"));
	cr_assert(t.facts.swept);
}

#define MEMBERS(balancers, servers)                                            \
	"{\"networks\":[{\"id\":2," OUR_LABEL                                  \
	",\"load_balancers\":[" balancers "],\"servers\":[" servers "]}]}"
#define CONTROLLERS "\"labels\":{\"hcloud-ccm/service-uid\":\"u\"}"
#define ONE_FRONT(id)                                                          \
	"{\"load_balancers\":[{\"id\":" id ",\"name\":\"f\"," CONTROLLERS "}]}"

/* Until the last server is gone, Kubernetes may make a load balancer. */
Test(phase_remove, networks_after_all_that_is_on_them)
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
	asks(&t, "DELETE /load_balancers/5");
	takes(&t, 204, "", "next");
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
	asks(&t, "DELETE /load_balancers/6");
	takes(&t, 204, "", "next");
	asks(&t, "DELETE /networks/2");
	takes(&t, 204, "", "next");
	asks(&t, "done");
	cr_assert_not(known("network"));
	cr_assert_not(t.facts.swept, "that server may have made a volume");
}

Test(phase_remove, networks_wait_for_their_neighbours)
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
	asks(&t, "DELETE /networks/2");
	takes(&t, 204, "", "next");
	asks(&t, "done");
}

Test(phase_remove, networks_take_their_neighbours_along_when_told_to)
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
	cr_assert_str_eq(fate_of(RESOURCE_SERVER, 11), "deleted");
}

Test(phase_remove, neighbours_are_looked_at_ever_more_slowly)
{
	struct err err = {.kind = ERR_RETRY, .code = "neighbours"};

	begin("networks");
	cr_assert_eq(phase_retry_ms(GOAL_TEARDOWN, &t.facts, &err), 500);
	t.facts.failures = 1000000;
	cr_assert_eq(phase_retry_ms(GOAL_TEARDOWN, &t.facts, &err), 300000);
}

Test(phase_remove, networks_in_use_are_looked_at_again)
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
Test(phase_remove, networks_whatever_their_lists_still_show)
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

/* With a token that was stored since the cluster was built. */
Test(phase_remove, nothing_before_the_project_is_proven)
{
	begin("servers");
	t.facts.removal.unproven = true;
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	asks(&t, LISTED("servers"));
	takes(&t, 200, EMPTY("servers"), "next");
	asks(&t, NETWORKS);
	takes(&t, 200, BARE_NETWORK, "next");
	cr_assert(t.facts.proven);
	asks(&t, "DELETE /servers/12");
}

Test(phase_remove, nothing_in_another_project)
{
	begin("servers");
	t.facts.removal.unproven = true;
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	asks(&t, LISTED("servers"));
	takes(&t, 200, "{\"servers\":[{\"id\":12,\"labels\":{}}]}", "next");
	asks(&t, "failed retry other_project");
	says(&t, "--all-gone");
	cr_assert_not(t.facts.proven);
	trial_lease_again(&t);
	t.facts.removal.all_gone = true;
	asks(&t, "DELETE /servers/12");
}

Test(phase_remove, what_is_still_in_use_goes_later)
{
	begin("firewalls");
	asks(&t, LISTED("firewalls"));
	takes(&t, 200, "{\"firewalls\":[" LABELLED(1) "," LABELLED(2) "]}",
		"next");
	asks(&t, "DELETE /firewalls/1");
	takes(&t, 204, "", "next");
	asks(&t, "DELETE /firewalls/2");
	takes(&t, 422, ERROR("resource_in_use"), "next");
	asks(&t, "waits 500");
	/* Found once, it is recorded. */
	trial_lease_again(&t);
	t.facts.age_ms = 11 * 60 * 1000;
	asks(&t, "DELETE /firewalls/2");
	takes(&t, 422, ERROR("resource_in_use"), "next");
	asks(&t, "failed retry still_busy");
	cr_assert_gt(phase_retry_ms(GOAL_TEARDOWN, &t.facts, &t.err), 0);
}

Test(phase_remove, what_is_protected_is_the_customers_to_release)
{
	begin("volumes");
	trial_ask(&t);
	takes(&t, 200, "{\"volumes\":[" LABELLED(17) "," LABELLED(18) "]}",
		"next");
	asks(&t, "DELETE /volumes/17");
	takes(&t, 403, ERROR("protected"), "next");
	asks(&t, "DELETE /volumes/18");
	takes(&t, 204, "", "next");
	asks(&t, "failed retry protected");
	says(&t, "The volume 'n17' (id 17) is protected from deletion.");
	says(&t, "Hetzner Console");
	cr_assert_eq(t.facts.kept[0].stay, STAY_PROTECTED);
}

/* The phases that others wait for go on; the network's does not. */
Test(phase_remove, what_is_protected_holds_up_nothing_else)
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

Test(phase_remove, nobody_elses_load_balancer)
{
	begin("load_balancers");
	trial_recorded(&t, RESOURCE_LOAD_BALANCER, "load_balancer", 0, 9);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	trial_ask(&t);
	takes(&t, 200, EMPTY("networks"), "next");
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
	asks(&t, "DELETE /load_balancers/9");
	takes(&t, 204, "", "next");
	asks(&t, "done");
	/* Before servers of others as well: it is told of. */
	cr_assert_eq(t.facts.kept_count, 1);
	cr_assert_eq(t.facts.kept[0].resource.id, 4);
}
