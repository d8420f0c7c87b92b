/* What of a cluster is there, but not as it was made, is put back. */
#include "parts.h"
#include "phase_harness.h"

#include <string.h>

static struct trial t;

static void set_up(void)
{
	trial_begin(&t, GOAL_REPAIR, "prepare", 0);
	t.facts.run = 2;
	t.facts.cluster.was_ready = true;
	strcpy(t.facts.cluster.api_sources, "0.0.0.0/0,::/0");
	strcpy(t.facts.cluster.ssh_sources, "192.0.2.0/24,2001:db8::/32");
	strcpy(t.facts.cluster.gateway_type, "cx22");
	strcpy(t.facts.cluster.ssh_public_key, "ssh-ed25519 AAAA");
}

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_restore, .init = set_up, .fini = tear_down);

/* The look finds one thing of a kind. */
static void finds(const char *plural, const char *thing)
{
	cr_assert_str_eq(trial_ask(&t),
		arena_format(t.facts.arena,
			"GET /%s?label_selector=%s&per_page=50&page=1", plural,
			CLUSTER_SELECTOR));
	takes(&t, 200,
		arena_format(t.facts.arena, "{\"%s\":[%s]}", plural, thing),
		"next");
}

/* It asks this, and that is all. */
static void restores(const char *request, const char *body)
{
	asks(&t, request);
	sends(&t, body);
	takes(&t, 201, "{\"action\":{\"id\":1,\"status\":\"running\"}}",
		"next");
	asks(&t, "done");
}

/* ---- Firewalls ---- */

#define ICMP                                                                   \
	"{\"direction\":\"in\",\"protocol\":\"icmp\",\"source_ips\":"          \
	"[\"0.0.0.0/0\",\"::/0\"]}"
#define SSH(sources)                                                           \
	"{\"direction\":\"in\",\"protocol\":\"tcp\",\"port\":\"22\","          \
	"\"source_ips\":[" sources "]}"
#define BOTH "\"192.0.2.0/24\",\"2001:db8::/32\""
#define FIREWALL(rules)                                                        \
	"{\"id\":3,\"name\":\"f\",\"applied_to\":[{}],\"rules\":[" rules "]}"

static void firewall(const char *shown)
{
	trial_recorded(&t, RESOURCE_FIREWALL, "firewall", 0, 3);
	finds("firewalls", shown);
}

Test(phase_restore, the_same_rules_in_other_words_are_the_same)
{
	firewall(FIREWALL(
		SSH("\"2001:DB8:0::/32\"") "," ICMP ","
					   "{\"direction\":\"in\",\"protocol\":"
					   "\"tcp\",\"port\":\"22\","
					   "\"destination_ips\":[],"
					   "\"description\":\"x\","
					   "\"source_ips\":[\"192.0.2.0/24\","
					   "\"192.0.2.0/24\"]}"));
	asks(&t, "done");
}

Test(phase_restore, changed_rules_are_set_again)
{
	static const char *const changed[] = {
		FIREWALL(""),
		FIREWALL(ICMP),
		FIREWALL(ICMP "," SSH("\"192.0.2.0/24\"")),
		FIREWALL(ICMP "," SSH(BOTH ",\"0.0.0.0/0\"")),
		FIREWALL(ICMP "," SSH(BOTH) ",{\"direction\":\"in\","
					    "\"protocol\":\"udp\",\"port\":"
					    "\"53\",\"source_ips\":[\"::/0\"]"
					    "}"),
		FIREWALL(
			ICMP ",{\"direction\":\"out\",\"protocol\":\"tcp\","
			     "\"port\":\"22\",\"destination_ips\":[" BOTH "]}"),
	};

	for (size_t i = 0; i < COUNT(changed); i++) {
		if (i > 0) {
			trial_end(&t);
			set_up();
		}
		firewall(changed[i]);
		restores("POST /firewalls/3/actions/set_rules",
			"{\"rules\":[" ICMP "," SSH(BOTH) "]}");
	}
}

Test(phase_restore, a_firewall_is_applied_to_the_gateway_that_is_there)
{
	trial_recorded(&t, RESOURCE_SERVER, "nat_gateway", 0, 10);
	trial_recorded(&t, RESOURCE_FIREWALL, "firewall", 0, 3);
	finds("servers", "{\"id\":10,\"name\":\"g\",\"status\":\"running\"}");
	finds("firewalls", "{\"id\":3,\"name\":\"f\",\"applied_to\":[],"
			   "\"rules\":[" ICMP "," SSH(BOTH) "]}");
	restores("POST /firewalls/3/actions/apply_to_resources",
		"{\"apply_to\":[{\"type\":\"server\",\"server\":{\"id\":10}}]"
		"}");
}

/* The gateway that is made again brings it along. */
Test(phase_restore, a_firewall_waits_for_a_gateway_that_is_not_there)
{
	trial_recorded(&t, RESOURCE_SERVER, "nat_gateway", 0, 10);
	trial_recorded(&t, RESOURCE_FIREWALL, "firewall", 0, 3);
	finds("servers", "");
	finds("firewalls", "{\"id\":3,\"name\":\"f\",\"applied_to\":[],"
			   "\"rules\":[" ICMP "," SSH(BOTH) "]}");
	asks(&t, "done");
}

/* ---- Networks and servers ---- */

Test(phase_restore, a_lost_route_is_added)
{
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	finds("networks", "{\"id\":2,\"name\":\"n\",\"routes\":[]}");
	restores("POST /networks/2/actions/add_route",
		"{\"destination\":\"0.0.0.0/0\",\"gateway\":\"10.0.0.254\"}");
}

Test(phase_restore, a_server_that_is_off_is_switched_on)
{
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	finds("servers", "{\"id\":12,\"name\":\"w\",\"status\":\"off\"}");
	restores("POST /servers/12/actions/poweron", "");
}

Test(phase_restore, a_detached_server_comes_back_to_its_address)
{
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	struct resource *worker = facts_resource(&t.facts, "worker", 0);
	strcpy(worker->private_address, "10.0.0.7");
	finds("servers",
		"{\"id\":12,\"name\":\"w\",\"status\":\"running\","
		"\"private_net\":[{\"network\":9,\"ip\":\"10.9.0.2\"}]}");
	finds("networks", "{\"id\":2,\"name\":\"n\"}");
	restores("POST /servers/12/actions/attach_to_network",
		"{\"network\":2,\"ip\":\"10.0.0.7\"}");
}

/* ---- Load balancers ---- */

#define API_SERVICE                                                            \
	"{\"protocol\":\"tcp\",\"listen_port\":6443,\"destination_port\":"     \
	"6443,\"proxyprotocol\":false,\"health_check\":{\"protocol\":"         \
	"\"http\",\"port\":6443,\"interval\":5,\"timeout\":3,\"retries\":2,"   \
	"\"http\":{\"domain\":\"kubernetes\",\"path\":\"/version\","           \
	"\"status_codes\":[\"401\"],\"tls\":true}}}"
#define API_TARGET                                                             \
	"{\"type\":\"label_selector\",\"label_selector\":{\"selector\":"       \
	"\"mengi.cloud/cluster=" CLUSTER_ID                                    \
	",mengi.cloud/role=control-plane\"},\"use_private_ip\":true}"
#define FRONT(services, targets)                                               \
	"{\"id\":4,\"name\":\"b\",\"services\":[" services                     \
	"],\"targets\":[" targets "]}"

static void balancer(const char *shown)
{
	trial_recorded(&t, RESOURCE_LOAD_BALANCER, "load_balancer", 0, 4);
	finds("load_balancers", shown);
}

/* Whatever the customer has added to it is theirs. */
Test(phase_restore, a_balancer_that_has_more_is_left_alone)
{
	balancer(FRONT("{\"protocol\":\"tcp\",\"listen_port\":80},"
		       "{\"protocol\":\"tcp\",\"listen_port\":6443,"
		       "\"destination_port\":6443,\"proxyprotocol\":false,"
		       "\"http\":null,\"health_check\":{\"protocol\":\"http\","
		       "\"port\":6443,\"interval\":5,\"timeout\":3,"
		       "\"retries\":2,\"http\":{\"response\":\"\","
		       "\"domain\":\"kubernetes\",\"path\":\"/version\","
		       "\"status_codes\":[\"401\"],\"tls\":true}}}",
		"{\"type\":\"server\"}," API_TARGET));
	asks(&t, "done");
}

Test(phase_restore, what_a_balancer_serves_is_put_back)
{
	balancer(FRONT("", ""));
	asks(&t, "POST /load_balancers/4/actions/add_service");
	sends(&t, API_SERVICE);
	takes(&t, 201, "{}", "next");
	restores("POST /load_balancers/4/actions/add_target", API_TARGET);
	trial_end(&t);
	set_up();
	balancer(FRONT("{\"protocol\":\"tcp\",\"listen_port\":6443,"
		       "\"destination_port\":22}",
		API_TARGET));
	restores("POST /load_balancers/4/actions/update_service", API_SERVICE);
}

/* ---- When, and when not ---- */

Test(phase_restore, is_for_clusters_that_were_ready)
{
	t.facts.cluster.was_ready = false;
	firewall(FIREWALL(""));
	asks(&t, "done");
}

Test(phase_restore, leaves_alone_what_is_not_recorded)
{
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	finds("servers", "{\"id\":12,\"name\":\"w\",\"status\":\"running\"},"
			 "{\"id\":13,\"name\":\"x\",\"status\":\"off\"}");
	asks(&t, "done");
}

Test(phase_restore, waits_while_it_is_busy_and_goes_on)
{
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	finds("servers", "{\"id\":12,\"name\":\"w\",\"status\":\"off\"}");
	asks(&t, "POST /servers/12/actions/poweron");
	takes(&t, 423, ERROR("locked"), "wait 500");
	trial_lease_again(&t);
	finds("servers", "{\"id\":12,\"name\":\"w\",\"status\":\"running\"}");
	asks(&t, "done");
}
