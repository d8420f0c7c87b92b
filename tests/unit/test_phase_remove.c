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

Test(phase_remove, waits_for_older_runs)
{
	static const char *const first[] = {"load_balancers", "ssh_keys"};

	for (size_t i = 0; i < COUNT(first); i++) {
		begin(first[i]);
		t.facts.older_leases = 2;
		asks(&t, "waits 1000");
		t.facts.older_leases = 0;
		cr_assert_eq(strncmp(trial_ask(&t), "GET ", 4), 0);
		if (i + 1 < COUNT(first))
			trial_end(&t);
	}
}

/* Side by side: what becomes of one says nothing about the others. */
Test(phase_remove, each_answer_counts_beside_one_that_fails)
{
	begin("servers");
	for (int i = 0; i < 4; i++)
		trial_recorded(&t, RESOURCE_SERVER, "worker", i, 11 + i);
	asks(&t, "DELETE /servers/11");
	takes(&t, 200, "{}", "next");
	asks(&t, "DELETE /servers/12");
	takes(&t, 429, ERROR("rate_limit_exceeded"), "next");
	asks(&t, "DELETE /servers/13");
	takes(&t, 503, ERROR("unavailable"), "next");
	asks(&t, "DELETE /servers/14");
	takes(&t, 200, "{}", "failed retry unavailable");
	cr_assert(t.facts.outage);
	cr_assert_str_eq(trial_fate(&t, RESOURCE_SERVER, 11), "deleted");
	cr_assert_str_eq(trial_fate(&t, RESOURCE_SERVER, 12), "unknown");
	cr_assert_str_eq(trial_fate(&t, RESOURCE_SERVER, 13), "unknown");
	cr_assert_str_eq(trial_fate(&t, RESOURCE_SERVER, 14), "deleted");
}

Test(phase_remove, many_in_turns)
{
	begin("servers");
	for (int i = 0; i < 20; i++)
		trial_recorded(&t, RESOURCE_SERVER, "worker", i, 100 + i);
	for (int i = 0; i < 20; i++) {
		cr_assert_str_eq(
			trial_ask(&t), arena_format(t.facts.arena,
					       "DELETE /servers/%d", 100 + i));
		cr_assert_lt(t.ask.more_count, ASK_MOST);
		takes(&t, 200, "{}", "next");
	}
	asks(&t, "waits 500");
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

/* We have deleted the one, and looked at it before; others delete the other. */
Test(phase_remove, addresses_of_servers_on_their_way_out)
{
	begin("load_balancers");
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	asks(&t, LISTED("servers"));
	takes(&t, 200,
		"{\"servers\":["
		"{\"id\":11,\"status\":\"deleting\"," OUR_LABEL
		",\"public_net\":{\"ipv4\":{\"id\":81}}},"
		"{\"id\":12,\"status\":\"deleting\"," OUR_LABEL
		",\"public_net\":{\"ipv4\":{\"id\":82}}}]}",
		"next");
	cr_assert_null(facts_with_id(&t.facts, RESOURCE_PRIMARY_IP, 81));
	cr_assert(facts_with_id(&t.facts, RESOURCE_PRIMARY_IP, 82));
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
	erases(&t, "/ssh_keys/1");
	erases(&t, "/ssh_keys/2");
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
	erases(&t, "/volumes/1");
	asks(&t, "POST /volumes/2/actions/detach");
	sends(&t, "");
	takes(&t, 201, DETACHING, "next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
	asks(&t, LISTED("volumes"));
	takes(&t, 200, "{\"volumes\":[" LABELLED(2) "]}", "next");
	erases(&t, "/volumes/2");
	asks(&t, "done");
	cr_assert(t.facts.swept);
}

/* A worker may die before anybody hears of a deletion: then it is known what
 * was found. What is recorded by its maker needs no note. */
Test(phase_remove, what_was_found_is_noted_before_it_is_deleted)
{
	begin("volumes");
	asks(&t, LISTED("volumes"));
	takes(&t, 200, TWO_VOLUMES, "next");
	cr_assert_eq(t.notes, 0);
	asks(&t, "DELETE /volumes/1");
	cr_assert_eq(t.notes, 1);
	/* The outcome tells of it once more: of one that was a candidate, it
	 * takes the record away as well. */
	cr_assert_eq(t.facts.resources[0].change, CHANGE_RECORD);
	cr_assert_eq(t.facts.resources[1].change, CHANGE_RECORD);
	takes(&t, 204, "", "next");
	asks(&t, "POST /volumes/2/actions/detach");
	cr_assert_eq(t.notes, 1);
	trial_end(&t);

	begin("ssh_keys");
	trial_recorded(&t, RESOURCE_SSH_KEY, "ssh_key", 0, 4);
	asks(&t, "DELETE /ssh_keys/4");
	cr_assert_eq(t.notes, 0);
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
	erases(&t, "/volumes/2");
	asks(&t, "done");
	cr_assert_str_eq(trial_fate(&t, RESOURCE_VOLUME, 2), "deleted");
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
	cr_assert_str_eq(trial_fate(&t, RESOURCE_VOLUME, 1), "kept");
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
	erases(&t, "/volumes/31");
	asks(&t, "done");
	cr_assert_eq(t.facts.kept_count, 1);
	cr_assert_str_eq(t.facts.kept[0].resource.name, "theirs");
	cr_assert_eq(t.facts.kept[0].stay, STAY_FOR_GOOD);
	cr_assert_str_eq(trial_fate(&t, RESOURCE_VOLUME, 32), "none");
	cr_assert_str_eq(trial_fate(&t, RESOURCE_VOLUME, 33), "none");
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
	erases(&t, "/firewalls/1");
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
	erases(&t, "/volumes/18");
	asks(&t, "failed retry protected");
	says(&t, "The volume 'n17' (id 17) is protected from deletion.");
	says(&t, "Hetzner Console");
	cr_assert_eq(t.facts.kept[0].stay, STAY_PROTECTED);
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
