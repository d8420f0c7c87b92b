/* Servers: the gateway and the nodes, from the call to the last action. */
#include "phase_harness.h"

#include <string.h>

static struct trial t;

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_server, .fini = tear_down);

#define GATEWAY_BODY                                                           \
	"{\"name\":\"demo-6f1c2b3a-nat-gateway\"," ROLE_LABELS(                \
		"nat_gateway-0", "gateway") ",\"server_type\":\"cx13\","       \
					    "\"image\":\"ubuntu-24.04\","      \
					    "\"location\":\"fsn1\","           \
					    "\"ssh_keys\":["                   \
					    "\"demo-6f1c2b3a-ssh-key\"],"      \
					    "\"public_net\":{"                 \
					    "\"enable_ipv4\":true,"            \
					    "\"ipv4\":6,"                      \
					    "\"enable_ipv6\":true},"           \
					    "\"firewalls\":[{\"firewall\":3}]" \
					    "}"
#define ACTION(id, status) "{\"id\":" #id ",\"status\":\"" status "\"}"
#define ACTIONS(list) "{\"actions\":[" list "]}"
#define FAILED(id, code)                                                       \
	"{\"id\":" #id ",\"command\":\"create_server\",\"status\":\"error\","  \
	"\"error\":{\"code\":\"" code "\",\"message\":\"it broke\"}}"

static const struct resource *recorded(const char *phase, int index)
{
	return facts_recorded(&t.facts, phase, index);
}

static void begin_gateway(void)
{
	trial_begin(&t, GOAL_PROVISION, "nat_gateway", 0);
	trial_recorded_ground(&t);
}

/* Created, and its two actions are running. */
static void create_gateway(void)
{
	begin_gateway();
	trial_ask(&t);
	takes(&t, 201, trial_file(&t, "server/created.json"), "next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
}

Test(phase_server, a_gateway_relays_to_an_api_that_is_not_for_everybody)
{
	begin_gateway();
	trial_ask(&t);
	cr_assert(strstr(trial_user_data(&t), "10.0.0.0/16 nowhere"));
	strcpy(t.facts.cluster.api_sources, "192.0.2.0/24");
	trial_ask(&t);
	cr_assert(strstr(trial_user_data(&t), "10.0.0.0/16 10.0.0.2"));
}

Test(phase_server, a_gateway_comes_up_undisturbed)
{
	begin_gateway();
	asks(&t, "POST /servers");
	sends(&t, GATEWAY_BODY);
	cr_assert_eq(strncmp(trial_user_data(&t), "#cloud-config", 13), 0);
	takes(&t, 201, trial_file(&t, "server/created.json"), "next");
	/* It is too early to ask; but what was made is stored. */
	asks(&t, "waits 500");
	cr_assert_eq(recorded("nat_gateway", 0)->id, 42);
	cr_assert_eq(recorded("nat_gateway", 0)->action_count, 2);
	cr_assert_str_eq(
		recorded("nat_gateway", 0)->public_address, "203.0.113.9");

	trial_lease_again(&t);
	t.facts.age_ms = 3000;
	asks(&t, "actions 101,102");
	takes(&t, 200,
		ACTIONS(ACTION(101, "running") "," ACTION(102, "running")),
		"wait 1500");
	trial_lease_again(&t);
	asks(&t, "actions 101,102");
	takes(&t, 200,
		ACTIONS(ACTION(101, "success") "," ACTION(102, "running")),
		"wait 1500");
	trial_lease_again(&t);
	t.facts.age_ms = 60000;
	asks(&t, "actions 102");
	takes(&t, 200, ACTIONS(ACTION(102, "running")), "wait 5000");
	trial_lease_again(&t);
	asks(&t, "actions 102");
	takes(&t, 200, ACTIONS(ACTION(102, "success")), "next");

	asks(&t, "POST /servers/42/actions/attach_to_network");
	sends(&t, "{\"network\":2,\"ip\":\"10.0.0.254\"}");
	takes(&t, 201, "{\"action\":" ACTION(103, "running") "}", "next");
	asks(&t, "waits 5000");
	trial_lease_again(&t);
	asks(&t, "actions 103");
	takes(&t, 200, ACTIONS(ACTION(103, "success")), "next");
	asks(&t, "done");
	cr_assert_str_eq(
		recorded("nat_gateway", 0)->private_address, "10.0.0.254");
	cr_assert_eq(recorded("nat_gateway", 0)->action_count, 0);
}

Test(phase_server, actions_that_hetzner_has_forgotten_are_finished)
{
	create_gateway();
	asks(&t, "actions 101,102");
	takes(&t, 200, ACTIONS(""), "next");
	asks(&t, "POST /servers/42/actions/attach_to_network");
}

Test(phase_server, an_answer_without_a_list_is_no_answer)
{
	create_gateway();
	asks(&t, "actions 101,102");
	takes(&t, 200, "{}", "failed retry bad_answer");
	cr_assert_eq(recorded("nat_gateway", 0)->action_count, 2);
}

Test(phase_server, what_breaks_is_removed_and_made_again)
{
	create_gateway();
	asks(&t, "actions 101,102");
	takes(&t, 200,
		ACTIONS(FAILED(101, "action_failed") "," ACTION(
			102, "running")),
		"next");
	asks(&t, "DELETE /servers/42");
	takes(&t, 200, "{\"action\":" ACTION(104, "running") "}",
		"failed retry action_failed");
	says(&t, "(create_server: it broke)");
	cr_assert_null(recorded("nat_gateway", 0));
	trial_lease_again(&t);
	asks(&t, "GET /servers?label_selector=" PHASE_SELECTOR(
			 "nat_gateway-0") "&per_page=50");
	/* The old one is on its way out: it is not adopted. */
	takes(&t, 200,
		"{\"servers\":[{\"id\":42,\"status\":\"deleting\","
		"\"name\":\"demo-6f1c2b3a-nat-gateway\"," LABELS(
			"nat_gateway-0") "}]}",
		"next");
	asks(&t, "POST /servers");
	takes(&t, 409, ERROR("uniqueness_error"), "next");
	asks(&t, "GET /servers?name=demo-6f1c2b3a-nat-gateway");
	takes(&t, 200,
		"{\"servers\":[{\"id\":42,\"status\":\"deleting\","
		"\"name\":\"demo-6f1c2b3a-nat-gateway\"," LABELS(
			"nat_gateway-0") "}]}",
		"wait 500");
}

Test(phase_server, a_broken_one_that_is_locked_waits)
{
	create_gateway();
	trial_ask(&t);
	takes(&t, 200, ACTIONS(FAILED(101, "x")), "next");
	asks(&t, "DELETE /servers/42");
	takes(&t, 423, ERROR("locked"), "wait 500");
	trial_lease_again(&t);
	/* Nothing is lost: it is asked, and breaks, again. */
	asks(&t, "actions 101,102");
}

Test(phase_server, sold_out_keeps_its_word_when_it_shows_late)
{
	create_gateway();
	trial_ask(&t);
	takes(&t, 200, ACTIONS(FAILED(101, "resource_unavailable")), "next");
	trial_ask(&t);
	takes(&t, 404, ERROR("not_found"), "failed retry resource_unavailable");
	cr_assert_null(recorded("nat_gateway", 0));
}

static void attach_gateway(void)
{
	create_gateway();
	trial_ask(&t);
	takes(&t, 200, ACTIONS(""), "next");
	asks(&t, "POST /servers/42/actions/attach_to_network");
}

Test(phase_server, a_locked_gateway_is_attached_later)
{
	attach_gateway();
	takes(&t, 423, ERROR("locked"), "wait 500");
	trial_lease_again(&t);
	asks(&t, "POST /servers/42/actions/attach_to_network");
	takes(&t, 409, ERROR("conflict"), "wait 500");
}

Test(phase_server, waiting_has_an_end)
{
	attach_gateway();
	t.facts.age_ms = 11 * 60 * 1000;
	takes(&t, 423, ERROR("locked"), "failed retry still_busy");
}

Test(phase_server, an_attached_gateway_is_done)
{
	attach_gateway();
	takes(&t, 422, ERROR("server_already_attached"), "next");
	asks(&t, "GET /servers/42/actions?status=running&status=error"
		 "&sort=id:desc");
	takes(&t, 200, ACTIONS(""), "next");
	asks(&t, "done");
	cr_assert_str_eq(
		recorded("nat_gateway", 0)->private_address, "10.0.0.254");
}

/* The reply to the first request was lost, and its action goes on. */
Test(phase_server, a_gateway_that_is_being_attached_is_awaited)
{
	attach_gateway();
	takes(&t, 422, ERROR("server_already_attached"), "next");
	trial_ask(&t);
	takes(&t, 200, ACTIONS(ACTION(103, "running")), "next");
	asks(&t, "actions 103");
	takes(&t, 200, ACTIONS(ACTION(103, "success")), "next");
	asks(&t, "done");
}

Test(phase_server, a_gateway_that_vanished_is_made_again)
{
	attach_gateway();
	takes(&t, 404, ERROR("not_found"), "failed retry not_found");
	cr_assert_null(recorded("nat_gateway", 0));
	trial_lease_again(&t);
	asks(&t, "GET /servers?label_selector=" PHASE_SELECTOR(
			 "nat_gateway-0") "&per_page=50");
	takes(&t, 200, "{\"servers\":[]}", "next");
	asks(&t, "POST /servers");
}

Test(phase_server, the_gateways_address_may_be_held_for_a_while)
{
	attach_gateway();
	takes(&t, 422, ERROR("ip_not_available"),
		"failed retry ip_not_available");
}

Test(phase_server, attaching_that_fails_begins_anew)
{
	attach_gateway();
	takes(&t, 201, "{\"action\":" ACTION(103, "running") "}", "next");
	trial_lease_again(&t);
	asks(&t, "actions 103");
	takes(&t, 200, ACTIONS(FAILED(103, "network_error")), "next");
	asks(&t, "DELETE /servers/42");
}

#define ADOPTED(net)                                                           \
	"{\"servers\":[{\"id\":42,\"name\":\"n\",\"private_net\":[" net "]}]}"

Test(phase_server, an_adopted_gateway_is_attached)
{
	begin_gateway();
	t.facts.lease_count = 2;
	trial_ask(&t);
	takes(&t, 200, ADOPTED(""), "next");
	trial_ask(&t);
	takes(&t, 200, ACTIONS(""), "next");
	asks(&t, "POST /servers/42/actions/attach_to_network");
}

Test(phase_server, an_adopted_gateway_may_be_attached_already)
{
	begin_gateway();
	t.facts.lease_count = 2;
	trial_ask(&t);
	takes(&t, 200,
		ADOPTED("{\"network\":99,\"ip\":\"10.9.0.2\"},"
			"{\"network\":2,\"ip\":\"10.0.0.254\"}"),
		"next");
	trial_ask(&t);
	takes(&t, 200, ACTIONS(""), "next");
	asks(&t, "done");
	cr_assert_str_eq(
		recorded("nat_gateway", 0)->private_address, "10.0.0.254");
}

#define NODE_BODY(name, phase, role, more)                                          \
	"{\"name\":\"demo-6f1c2b3a-" name "\"," ROLE_LABELS(phase,                  \
		role) ",\"server_type\":\"cx23\",\"image\":\"ubuntu-24.04\","       \
		      "\"location\":\"fsn1\",\"ssh_keys\":["                        \
		      "\"demo-6f1c2b3a-ssh-key\"],\"public_net\":{\"enable_ipv4\":" \
		      "false,\"enable_ipv6\":false},\"networks\":[2]" more "}"

Test(phase_server, a_control_plane_comes_up_undisturbed)
{
	trial_begin(&t, GOAL_PROVISION, "control_plane", 0);
	trial_recorded_ground(&t);
	asks(&t, "POST /servers");
	sends(&t, NODE_BODY("control-plane-0", "control_plane-0",
			  "control-plane", ""));
	cr_assert(strstr(trial_user_data(&t), "203.0.113.7"));
	takes(&t, 201, trial_file(&t, "server/created.json"), "next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
	asks(&t, "actions 101,102");
	takes(&t, 200,
		ACTIONS(ACTION(101, "success") "," ACTION(102, "success")),
		"next");
	asks(&t, "done");
}

Test(phase_server, three_control_planes_are_placed_apart)
{
	trial_begin(&t, GOAL_PROVISION, "control_plane", 2);
	t.facts.cluster.type = CLUSTER_DEDICATED_HA;
	trial_recorded_ground(&t);
	asks(&t, "POST /servers");
	sends(&t, NODE_BODY("control-plane-2", "control_plane-2",
			  "control-plane", ",\"placement_group\":5"));
}

Test(phase_server, a_worker_has_its_number)
{
	trial_begin(&t, GOAL_PROVISION, "worker", 7);
	trial_recorded_ground(&t);
	asks(&t, "POST /servers");
	sends(&t, NODE_BODY("worker-7", "worker-7", "worker", ""));
	cr_assert(strstr(trial_user_data(&t), "worker 7 of"));
}

Test(phase_server, workers_do_not_take_each_other_for_themselves)
{
	trial_begin(&t, GOAL_PROVISION, "worker", 1);
	trial_recorded_ground(&t);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 77);
	asks(&t, "POST /servers");
}

Test(phase_server, sold_out_is_tried_again)
{
	trial_begin(&t, GOAL_PROVISION, "worker", 0);
	trial_recorded_ground(&t);
	trial_ask(&t);
	takes(&t, 412, ERROR("resource_unavailable"),
		"failed retry resource_unavailable");
	says(&t, "choose another location or server type");
}

#define TYPES(next, name)                                                      \
	"{\"server_types\":[{\"name\":\"" name "\",\"cores\":2,"               \
	"\"memory\":4.0,\"locations\":[{\"name\":\"fsn1\"}]}],\"meta\":{"      \
	"\"pagination\":{\"next_page\":" next "}}}"

static void sell_out_for_the_last_time(void)
{
	trial_begin(&t, GOAL_PROVISION, "worker", 0);
	trial_recorded_ground(&t);
	t.facts.failures = 9;
	trial_ask(&t);
	takes(&t, 412, ERROR("resource_unavailable"), "next");
	asks(&t, "GET /server_types?per_page=50&page=1");
}

Test(phase_server, sold_out_for_good_names_others)
{
	sell_out_for_the_last_time();
	takes(&t, 200, TYPES("2", "cpx22"), "next");
	asks(&t, "GET /server_types?per_page=50&page=2");
	takes(&t, 200, TYPES("3", "cx23"), "next"); /* what it has chosen */
	asks(&t, "GET /server_types?per_page=50&page=3");
	takes(&t, 200, TYPES("null", "cpx32"),
		"failed retry resource_unavailable");
	says(&t, "or try again later. Offered in fsn1: cpx22, cpx32.");
	cr_assert_eq(phase_retry_ms(GOAL_PROVISION, &t.facts, &t.err), -1);
}

Test(phase_server, sold_out_that_shows_late_names_others_too)
{
	create_gateway();
	t.facts.failures = 9;
	trial_ask(&t);
	takes(&t, 200, ACTIONS(FAILED(101, "resource_unavailable")), "next");
	asks(&t, "DELETE /servers/42");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "GET /server_types?per_page=50&page=1");
	takes(&t, 200, TYPES("null", "cpx22"),
		"failed retry resource_unavailable");
	says(&t, "Offered in fsn1: cpx22.");
	cr_assert_null(recorded("nat_gateway", 0));
}

Test(phase_server, sold_out_for_good_says_so_without_others)
{
	sell_out_for_the_last_time();
	takes(&t, 404, ERROR("not_found"), "failed retry resource_unavailable");
	says(&t, "or try again later.");
}

Test(phase_server, a_quota_is_for_the_customer_to_raise)
{
	trial_begin(&t, GOAL_PROVISION, "worker", 0);
	trial_recorded_ground(&t);
	trial_ask(&t);
	takes(&t, 403, ERROR("resource_limit_exceeded"),
		"failed refused resource_limit_exceeded");
	says(&t, "raise it in the Hetzner Console");
}

Test(phase_server, never_without_what_it_needs)
{
	static const char *const phases[] = {
		"nat_gateway", "control_plane", "worker"};

	for (size_t i = 0; i < COUNT(phases); i++) {
		trial_begin(&t, GOAL_PROVISION, phases[i], 0);
		asks(&t, "failed bug not_recorded");
		if (i + 1 < COUNT(phases))
			trial_end(&t);
	}
}
