/* Ready: the load balancer tells, addresses are noted, the cluster is asked. */
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

#define NODES "GET /api/v1/nodes?limit=20"
#define SYSTEM "GET /apis/apps/v1/namespaces/kube-system/"
#define TAINT                                                                  \
	",\"taints\":[{\"key\":\"node.cloudprovider.kubernetes.io/"            \
	"uninitialized\",\"effect\":\"NoSchedule\"}]"
#define NODE(spec, ready)                                                      \
	"{\"metadata\":{\"name\":\"n\"},\"spec\":{" spec                       \
	"},\"status\":{\"conditions\":[{\"type\":\"DiskPressure\",\"status\":" \
	"\"True\"},{\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"
#define PROVIDER(id) "\"providerID\":\"hcloud://" #id "\""
#define GOOD_NODE(id) NODE(PROVIDER(id), "True")
#define LIST(next, items)                                                      \
	"{\"kind\":\"NodeList\",\"metadata\":{\"continue\":\"" next            \
	"\"},\"items\":[" items "]}"
#define ROLLED_OUT                                                             \
	"{\"metadata\":{\"generation\":2},\"spec\":{\"replicas\":1},"          \
	"\"status\":{\"observedGeneration\":2,\"updatedReplicas\":1,"          \
	"\"availableReplicas\":1}}"

/* The balancer and Hetzner have said what they have to say. */
static void reach_nodes(void)
{
	for (size_t i = 0; i < t.facts.resource_count; i++)
		strcpy(t.facts.resources[i].resource.private_address,
			"10.0.0.9");
	asks(&t, "GET /load_balancers/4");
	takes(&t, 200, trial_file(&t, "load_balancer/health.json"), "next");
}

static void reach_system(void)
{
	reach_nodes();
	asks(&t, NODES);
	takes(&t, 200, LIST("", GOOD_NODE(11)), "next");
}

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
	asks(&t, NODES);
	cr_assert_str_eq(t.ask.request.server, "https://203.0.113.7:6443");
	takes(&t, 200, LIST("", GOOD_NODE(11)), "next");
	asks(&t, SYSTEM "deployments/coredns");
	takes(&t, 200, ROLLED_OUT, "next");
	asks(&t, SYSTEM "deployments/hcloud-csi-controller");
	takes(&t, 200, ROLLED_OUT, "next");
	asks(&t, SYSTEM "daemonsets/hcloud-csi-node");
	takes(&t, 200,
		"{\"status\":{\"desiredNumberScheduled\":1,"
		"\"updatedNumberScheduled\":1,\"numberAvailable\":1}}",
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

/* Only one that is ready, initialised and ours counts. */
Test(phase_ready, not_before_every_server_is_a_good_node)
{
	static const char *const others[] = {
		LIST("", ""),
		LIST("", NODE(PROVIDER(11), "False")),
		LIST("", NODE(PROVIDER(11), "Unknown")),
		LIST("", NODE(PROVIDER(11) TAINT, "True")),
		LIST("", NODE("\"podCIDR\":\"10.42.0.0/24\"", "True")),
		LIST("", NODE("\"providerID\":\"k3s://n\"", "True")),
		LIST("", GOOD_NODE(99)),
		LIST("", GOOD_NODE(10)),
	};

	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	for (size_t i = 0; i < COUNT(others); i++) {
		reach_nodes();
		asks(&t, NODES);
		takes(&t, 200, others[i], "wait 500");
		cr_assert_str_eq(t.facts.waiting,
			"0 of 2 nodes are ready; waiting for "
			"demo-6f1c2b3a-control-plane and 1 more");
		trial_lease_again(&t);
	}
	reach_nodes();
	asks(&t, NODES);
	takes(&t, 200, LIST("", GOOD_NODE(11)), "wait 500");
	cr_assert_str_eq(t.facts.waiting,
		"1 of 2 nodes are ready; waiting for demo-6f1c2b3a-worker");
}

Test(phase_ready, reads_the_nodes_to_their_last_page)
{
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	reach_nodes();
	asks(&t, NODES);
	takes(&t, 200, LIST("eyJ2Ij+/==", GOOD_NODE(12)), "next");
	asks(&t, NODES "&continue=eyJ2Ij%2B%2F%3D%3D");
	takes(&t, 200, LIST("", GOOD_NODE(11)), "next");
	asks(&t, SYSTEM "deployments/coredns");
}

/* Nobody keeps us turning pages. */
Test(phase_ready, reads_no_more_pages_than_there_can_be)
{
	int pages = 1;

	reach_nodes();
	trial_ask(&t);
	while (strcmp(trial_take(&t, 200, LIST("x", GOOD_NODE(99))), "next") ==
		0) {
		cr_assert_lt(++pages, 17);
		trial_ask(&t);
	}
	cr_assert_eq(pages, 16);
}

Test(phase_ready, waits_for_a_cluster_that_does_not_answer)
{
	reach_nodes();
	trial_ask(&t);
	cr_assert_str_eq(trial_take_lost(&t), "wait 500");
	cr_assert_not(t.facts.outage);
	cr_assert(strstr(t.facts.waiting, "does not answer"));
	trial_lease_again(&t);
	reach_nodes();
	trial_ask(&t);
	takes(&t, 401, "{\"kind\":\"Status\"}", "wait 500");
	trial_lease_again(&t);
	reach_nodes();
	trial_ask(&t);
	takes(&t, 429, "", "wait 500");
	trial_lease_again(&t);
	reach_nodes();
	trial_ask(&t);
	takes(&t, 200, "<html>", "wait 500");
}

Test(phase_ready, waits_for_what_every_cluster_stands_on)
{
	static const char *const others[] = {
		"{}",
		"{\"metadata\":{\"generation\":3},\"spec\":{\"replicas\":1},"
		"\"status\":{\"observedGeneration\":2,\"updatedReplicas\":1,"
		"\"availableReplicas\":1}}",
		"{\"spec\":{\"replicas\":2},\"status\":{\"updatedReplicas\":2,"
		"\"availableReplicas\":1}}",
		"{\"spec\":{\"replicas\":1},\"status\":{\"updatedReplicas\":0,"
		"\"availableReplicas\":1}}",
	};

	for (size_t i = 0; i < COUNT(others); i++) {
		reach_system();
		asks(&t, SYSTEM "deployments/coredns");
		takes(&t, 200, others[i], "wait 500");
		cr_assert_str_eq(t.facts.waiting,
			"all nodes are ready; waiting for kube-system/coredns");
		trial_lease_again(&t);
	}
	reach_system();
	trial_ask(&t);
	takes(&t, 404, "{\"kind\":\"Status\"}", "wait 500");
}

Test(phase_ready, names_what_is_missing_when_it_gives_up)
{
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	t.facts.age_ms = 30 * 60 * 1000 + 1;
	reach_nodes();
	trial_ask(&t);
	takes(&t, 200, LIST("", GOOD_NODE(11)), "failed refused not_ready");
	says(&t, "1 of 2 nodes are ready; waiting for demo-6f1c2b3a-worker");
	says(&t, "journalctl -u mengi-node -u k3s -u k3s-agent");
}
