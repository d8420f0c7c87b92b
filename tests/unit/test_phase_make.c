/*
 * How things come to exist: key, network, firewall, placement group and load
 * balancer; and what the shared steps do when they exist already.
 */
#include "phase_harness.h"

#include <string.h>

static struct trial t;

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_make, .fini = tear_down);

#define NETWORK_NAME "demo-6f1c2b3a-network"
#define NETWORK_BODY                                                                           \
	"{\"name\":\"" NETWORK_NAME "\"," LABELS(                                              \
		"network-0") ",\"ip_range\":\"10.0.0.0/16\",\"subnets\":[{\"type\":\"cloud\"," \
			     "\"network_zone\":\"eu-central\",\"ip_range\":\"10.0.0.0/24\"}]," \
			     "\"routes\":[{\"destination\":\"0.0.0.0/0\",\"gateway\":"         \
			     "\"10.0.0.254\"}]}"
#define OURS(id, created)                                                      \
	"{\"id\":" #id ",\"name\":\"" NETWORK_NAME "\",\"created\":\"" created \
	"\"," LABELS("network-0") "}"
#define LIST(items) "{\"networks\":[" items "]}"

static const struct resource *recorded(const char *phase)
{
	return facts_recorded(&t.facts, phase, 0);
}

Test(phase_make, a_network_whole_with_one_call)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	asks(&t, "POST /networks");
	sends(&t, NETWORK_BODY);
	takes(&t, 201, trial_file(&t, "network/created.json"), "next");
	asks(&t, "done");
	cr_assert_eq(recorded("network")->id, 4711);
	cr_assert_str_eq(recorded("network")->name, NETWORK_NAME);
	cr_assert_eq(t.facts.resources[0].change, CHANGE_RECORD);
}

Test(phase_make, nothing_that_is_recorded)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	t.facts.lease_count = 5;
	asks(&t, "done");
	cr_assert_eq(t.facts.resources[0].change, CHANGE_NONE);
}

Test(phase_make, an_ssh_key)
{
	trial_begin(&t, GOAL_PROVISION, "ssh_key", 0);
	asks(&t, "POST /ssh_keys");
	sends(&t, "{\"name\":\"demo-6f1c2b3a-ssh-key\"," LABELS(
			  "ssh_key-0") ",\"public_key\":\"" TEST_KEY "\"}");
	takes(&t, 201, "{\"ssh_key\":{\"id\":9,\"name\":\"n\"}}", "next");
	asks(&t, "done");
	cr_assert_eq(recorded("ssh_key")->kind, RESOURCE_SSH_KEY);
}

Test(phase_make, a_firewall_that_lets_the_customer_in)
{
	trial_begin(&t, GOAL_PROVISION, "firewall", 0);
	asks(&t, "POST /firewalls");
	sends(&t, "{\"name\":\"demo-6f1c2b3a-firewall\"," LABELS(
			  "firewall-0") ",\"rules\":[{\"direction\":\"in\","
					"\"protocol\":\"icmp\",\"source_ips\":["
					"\"0.0.0.0/0\",\"::/0\"]},{"
					"\"direction\":\"in\",\"protocol\":"
					"\"tcp\",\"port\":\"22\",\"source_ips\""
					":[\"192.0.2.0/24\",\"2001:db8::/32\"]}"
					"]}");
	takes(&t, 201,
		"{\"firewall\":{\"id\":9,\"name\":\"n\"},\"actions\":[]}",
		"next");
	asks(&t, "done");
}

Test(phase_make, a_firewall_that_lets_nobody_in)
{
	trial_begin(&t, GOAL_PROVISION, "firewall", 0);
	t.facts.cluster.ssh_sources[0] = '\0';
	asks(&t, "POST /firewalls");
	cr_assert_not(strstr(trial_body(&t), "\"tcp\""));
	cr_assert(strstr(trial_body(&t), "\"icmp\""));
}

/* The workers' own networks are always among them. */
Test(phase_make, a_firewall_before_an_api_that_is_not_for_everybody)
{
	trial_begin(&t, GOAL_PROVISION, "firewall", 0);
	strcpy(t.facts.cluster.api_sources, "192.0.2.0/24");
	asks(&t, "failed refused no_worker_sources");
	says(&t, "BYOC_WORKER_SOURCES");
	err_clear(&t.err);
	t.facts.worker_sources = "198.51.100.7/32,2001:db8::/64";
	asks(&t, "POST /firewalls");
	cr_assert(strstr(trial_body(&t),
		"\"port\":\"6443\",\"source_ips\":[\"198.51.100.7/32\","
		"\"2001:db8::/64\",\"192.0.2.0/24\"]"));
	strcpy(t.facts.cluster.api_sources, "0.0.0.0/0,::/0");
	asks(&t, "POST /firewalls");
	cr_assert_null(strstr(trial_body(&t), "6443"));
}

/* Hetzner shows addresses also of an interface that is off. */
Test(phase_make, a_load_balancer_that_only_the_gateway_can_reach)
{
	trial_begin(&t, GOAL_PROVISION, "load_balancer", 0);
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	trial_recorded(&t, RESOURCE_PRIMARY_IP, "gateway_address", 0, 6);
	strcpy(t.facts.cluster.api_sources, "192.0.2.0/24");
	asks(&t, "POST /load_balancers");
	cr_assert(strstr(trial_body(&t), "\"public_interface\":false"));
	takes(&t, 201, trial_file(&t, "load_balancer/health.json"), "next");
	asks(&t, "GET /load_balancers/4");
	takes(&t, 200, trial_file(&t, "load_balancer/health.json"), "next");
	asks(&t, "done");
	cr_assert_str_eq(
		recorded("load_balancer")->public_address, "203.0.113.8");
	cr_assert_str_eq(
		recorded("load_balancer")->private_address, "10.0.0.2");
}

Test(phase_make, an_address_that_outlives_its_gateway)
{
	trial_begin(&t, GOAL_PROVISION, "gateway_address", 0);
	asks(&t, "POST /primary_ips");
	sends(&t, "{\"name\":\"demo-6f1c2b3a-gateway-address\"," LABELS(
			  "gateway_address-0") ",\"type\":\"ipv4\","
					       "\"assignee_type\":\"server\","
					       "\"auto_delete\":false,"
					       "\"location\":\"fsn1\"}");
	takes(&t, 201,
		"{\"primary_ip\":{\"id\":9,\"name\":\"n\",\"ip\":"
		"\"203.0.113.8\",\"type\":\"ipv4\",\"assignee_id\":null}}",
		"next");
	asks(&t, "done");
	cr_assert_str_eq(
		recorded("gateway_address")->public_address, "203.0.113.8");
}

Test(phase_make, a_placement_group)
{
	trial_begin(&t, GOAL_PROVISION, "placement_group", 0);
	asks(&t, "POST /placement_groups");
	sends(&t, "{\"name\":\"demo-6f1c2b3a-placement-group\"," LABELS(
			  "placement_group-0") ",\"type\":\"spread\"}");
	takes(&t, 201, "{\"placement_group\":{\"id\":9},\"action\":null}",
		"next");
	asks(&t, "done");
}

Test(phase_make, a_load_balancer_whole_with_one_call)
{
	trial_begin(&t, GOAL_PROVISION, "load_balancer", 0);
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	asks(&t, "POST /load_balancers");
	sends(&t,
		"{\"name\":\"demo-6f1c2b3a-load-balancer\"," LABELS(
			"load_balancer-0") ",\"load_balancer_type\":\"lb11\","
					   "\"algorithm\":{\"type\":"
					   "\"round_robin\"},\"location\":"
					   "\"fsn1\",\"network\":2,"
					   "\"public_interface\":true,"
					   "\"services\":[{\"protocol\":"
					   "\"tcp\",\"listen_port\":6443,"
					   "\"destination_port\":6443,"
					   "\"proxyprotocol\":false,"
					   "\"health_check\":{\"protocol\":"
					   "\"http\",\"port\":6443,"
					   "\"interval\":5,\"timeout\":3,"
					   "\"retries\":2,\"http\":{"
					   "\"domain\":\"kubernetes\","
					   "\"path\":\"/version\","
					   "\"status_codes\":[\"401\"],"
					   "\"tls\":true}}}],\"targets\":[{"
					   "\"type\":\"label_selector\","
					   "\"label_selector\":{\"selector\":"
					   "\"mengi.cloud/cluster=" CLUSTER_ID
					   ",mengi.cloud/role=control-plane\"},\"use_private_ip\":true}"
					   "]}");
	takes(&t, 201, trial_file(&t, "load_balancer/created.json"), "next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
	asks(&t, "actions 13");
	takes(&t, 200, "{\"actions\":[{\"id\":13,\"status\":\"success\"}]}",
		"next");
	asks(&t, "GET /load_balancers/4");
	takes(&t, 200, trial_file(&t, "load_balancer/health.json"), "next");
	asks(&t, "done");
	cr_assert_str_eq(
		recorded("load_balancer")->public_address, "203.0.113.7");
	cr_assert_str_eq(
		recorded("load_balancer")->private_address, "10.0.0.2");
	cr_assert_eq(recorded("load_balancer")->action_count, 0);
}

/* Before any node is told its address. */
Test(phase_make, a_load_balancer_that_broke_is_made_again)
{
	trial_begin(&t, GOAL_PROVISION, "load_balancer", 0);
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	trial_ask(&t);
	takes(&t, 201, trial_file(&t, "load_balancer/created.json"), "next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
	asks(&t, "actions 13");
	takes(&t, 200,
		"{\"actions\":[{\"id\":13,\"command\":\"create_load_balancer\","
		"\"status\":\"error\",\"error\":{\"code\":\"x\",\"message\":"
		"\"it broke\"}}]}",
		"next");
	asks(&t, "DELETE /load_balancers/4");
	takes(&t, 204, "", "failed retry action_failed");
	says(&t, "it broke");
	cr_assert_null(recorded("load_balancer"));
}

#define BALANCER(address)                                                      \
	"{\"load_balancer\":{\"id\":4,\"name\":\"n\",\"public_net\":{"         \
	"\"ipv4\":{\"ip\":" address "}},\"private_net\":[{\"network\":2,"      \
	"\"ip\":\"10.0.0.2\"}]}}"
#define BARE_BALANCER                                                          \
	"{\"load_balancer\":{\"id\":4,\"name\":\"n\",\"public_net\":{"         \
	"\"ipv4\":{\"ip\":\"203.0.113.7\"}},\"private_net\":[]}}"

Test(phase_make, no_load_balancer_without_its_addresses)
{
	trial_begin(&t, GOAL_PROVISION, "load_balancer", 0);
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	trial_ask(&t);
	takes(&t, 201, BALANCER("null"), "next");
	asks(&t, "GET /load_balancers/4");
	takes(&t, 200, BALANCER("null"), "wait 500");
	trial_lease_again(&t);
	asks(&t, "GET /load_balancers/4");
	takes(&t, 200, BARE_BALANCER, "wait 500");
	trial_lease_again(&t);
	asks(&t, "GET /load_balancers/4");
	takes(&t, 200, BALANCER("\"203.0.113.7\""), "next");
	asks(&t, "done");
	cr_assert_str_eq(
		recorded("load_balancer")->public_address, "203.0.113.7");
}

Test(phase_make, a_load_balancer_that_vanished_is_made_again)
{
	trial_begin(&t, GOAL_PROVISION, "load_balancer", 0);
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	trial_ask(&t);
	takes(&t, 201, BALANCER("null"), "next");
	trial_ask(&t);
	takes(&t, 404, ERROR("not_found"), "failed retry not_found");
	cr_assert_null(recorded("load_balancer"));
}

Test(phase_make, adopts_what_an_earlier_attempt_made)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	t.facts.lease_count = 2;
	asks(&t, "GET /networks?label_selector=" PHASE_SELECTOR(
			 "network-0") "&per_page=50");
	takes(&t, 200, LIST(OURS(7, "2026-01-01T00:00:00Z")), "next");
	asks(&t, "done");
	cr_assert_eq(recorded("network")->id, 7);
}

Test(phase_make, creates_when_an_earlier_attempt_made_nothing)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	t.facts.lease_count = 2;
	asks(&t, "GET /networks?label_selector=" PHASE_SELECTOR(
			 "network-0") "&per_page=50");
	takes(&t, 200, LIST(""), "next");
	asks(&t, "POST /networks");
}

Test(phase_make, keeps_the_oldest_of_duplicates)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	t.facts.lease_count = 2;
	trial_ask(&t);
	takes(&t, 200,
		LIST(OURS(7, "2026-01-01T00:00:02Z") "," OURS(
			9, "2026-01-01T00:00:01Z") "," OURS(8,
			"2026-01-01T00:00:01Z")),
		"next");
	erases(&t, "/networks/9");
	asks(&t, "DELETE /networks/7");
	takes(&t, 404, ERROR("not_found"), "next");
	/* Nothing is recorded before they are gone. */
	cr_assert_null(recorded("network"));
	asks(&t, "GET /networks?label_selector=" PHASE_SELECTOR(
			 "network-0") "&per_page=50");
	takes(&t, 200, LIST(OURS(8, "2026-01-01T00:00:01Z")), "next");
	asks(&t, "done");
	cr_assert_eq(recorded("network")->id, 8);
}

Test(phase_make, a_duplicate_that_is_busy_is_not_forgotten)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	t.facts.lease_count = 2;
	trial_ask(&t);
	takes(&t, 200, LIST(OURS(7, "a") "," OURS(8, "b")), "next");
	asks(&t, "DELETE /networks/8");
	takes(&t, 409, ERROR("conflict"), "wait 500");
	trial_lease_again(&t);
	asks(&t, "GET /networks?label_selector=" PHASE_SELECTOR(
			 "network-0") "&per_page=50");
}

Test(phase_make, adopts_its_own_by_name)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	trial_ask(&t);
	takes(&t, 409, ERROR("uniqueness_error"), "next");
	asks(&t, "GET /networks?name=" NETWORK_NAME);
	takes(&t, 200, LIST(OURS(7, "2026-01-01T00:00:00Z")), "next");
	asks(&t, "done");
	cr_assert_eq(recorded("network")->id, 7);
}

Test(phase_make, leaves_alone_what_bears_its_name_by_chance)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	trial_ask(&t);
	takes(&t, 409, ERROR("uniqueness_error"), "next");
	trial_ask(&t);
	takes(&t, 200,
		LIST("{\"id\":7,\"name\":\"" NETWORK_NAME "\",\"labels\":{}}"),
		"failed refused name_taken");
	says(&t, "network named '" NETWORK_NAME "'");
	cr_assert_null(recorded("network"));
}

Test(phase_make, leaves_alone_what_another_phase_made)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	trial_ask(&t);
	takes(&t, 409, ERROR("uniqueness_error"), "next");
	trial_ask(&t);
	takes(&t, 200,
		LIST("{\"id\":7,\"name\":\"" NETWORK_NAME
		     "\"," LABELS("network-1") "}"),
		"failed refused name_taken");
}

Test(phase_make, tries_again_when_a_taken_name_cannot_be_found)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	trial_ask(&t);
	takes(&t, 409, ERROR("uniqueness_error"), "next");
	trial_ask(&t);
	takes(&t, 200, LIST(""), "failed retry name_vanished");
}

Test(phase_make, an_ssh_key_also_collides_by_its_fingerprint)
{
	trial_begin(&t, GOAL_PROVISION, "ssh_key", 0);
	trial_ask(&t);
	takes(&t, 409, ERROR("uniqueness_error"), "next");
	asks(&t, "GET /ssh_keys?per_page=50&page=1");
	takes(&t, 200,
		"{\"ssh_keys\":[{\"id\":1,\"name\":\"x\",\"public_key\":"
		"\"ssh-rsa AAAA\"}],\"meta\":{\"pagination\":{\"next_page\":"
		"2}}}",
		"next");
	asks(&t, "GET /ssh_keys?per_page=50&page=2");
	takes(&t, 200,
		"{\"ssh_keys\":[{\"id\":2,\"name\":\"theirs\",\"public_key\":"
		"\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKfwSGD4 else\"}]}",
		"failed refused name_taken");
	says(&t, "'theirs', with the same key,");
}

Test(phase_make, adopts_its_ssh_key)
{
	trial_begin(&t, GOAL_PROVISION, "ssh_key", 0);
	trial_ask(&t);
	takes(&t, 409, ERROR("uniqueness_error"), "next");
	trial_ask(&t);
	takes(&t, 200,
		"{\"ssh_keys\":[{\"id\":2,\"name\":\"demo-6f1c2b3a-ssh-key\","
		"\"public_key\":\"" TEST_KEY "\"," LABELS("ssh_key-0") "}]}",
		"next");
	asks(&t, "done");
}

Test(phase_make, an_answer_lost_is_looked_for)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	trial_ask(&t);
	cr_assert_str_eq(trial_take_lost(&t), "failed retry api_unreachable");
	trial_lease_again(&t);
	asks(&t, "GET /networks?label_selector=" PHASE_SELECTOR(
			 "network-0") "&per_page=50");
}

Test(phase_make, a_garbled_answer_is_looked_for)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	trial_ask(&t);
	takes(&t, 201, "{\"network\":{}}", "failed retry bad_answer");
	trial_end(&t);
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	t.facts.lease_count = 2;
	trial_ask(&t);
	takes(&t, 200, "{}", "failed retry bad_answer");
}

Test(phase_make, never_without_what_it_needs)
{
	trial_begin(&t, GOAL_PROVISION, "load_balancer", 0);
	asks(&t, "failed bug not_recorded");
}
