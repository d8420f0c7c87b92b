/* The sweep: once more through everything, until nothing is found. */
#include "phase_harness.h"

static struct trial t;

static void begin(enum goal goal)
{
	trial_begin(&t, goal, "sweep", 0);
	t.facts.cluster.type = CLUSTER_DEDICATED_HA;
}

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_sweep, .fini = tear_down);

static const struct {
	enum resource_kind kind;
	const char *word;
} swept[] = {
	{RESOURCE_LOAD_BALANCER, "load_balancers"},
	{RESOURCE_SERVER, "servers"},
	{RESOURCE_VOLUME, "volumes"},
	{RESOURCE_FIREWALL, "firewalls"},
	{RESOURCE_PLACEMENT_GROUP, "placement_groups"},
	{RESOURCE_SSH_KEY, "ssh_keys"},
	{RESOURCE_PRIMARY_IP, "primary_ips"},
	/* Only when there are no records any more. */
	{RESOURCE_FLOATING_IP, "floating_ips"},
	{RESOURCE_CERTIFICATE, "certificates"},
};
enum { OF_RECORDS = 7 };

/* Kinds from..to answer with an empty list, but for those that were seen to
 * be empty before. */
static void sweep_kinds(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (t.facts.removal.swept_kinds & 1u << swept[i].kind)
			continue;
		cr_assert_str_eq(trial_ask(&t),
			arena_format(t.facts.arena,
				"GET /%s?label_selector=%s&per_page=50&page=1",
				swept[i].word, CLUSTER_SELECTOR));
		takes(&t, 200,
			arena_format(
				t.facts.arena, "{\"%s\":[]}", swept[i].word),
			"next");
	}
}

static void sweep_rest(size_t from)
{
	sweep_kinds(from, t.facts.phase->by_label ? COUNT(swept) : OF_RECORDS);
}

Test(phase_sweep, goes_through_every_kind_in_eight_requests)
{
	begin(GOAL_TEARDOWN);
	asks(&t, NETWORKS);
	takes(&t, 200, EMPTY("networks"), "next");
	sweep_rest(0);
	asks(&t, "done");
}

/* After the last server was gone, each kind's phase has looked itself. */
static void begin_after_the_servers(enum goal goal)
{
	begin(goal);
	t.facts.removal.swept_kinds = 1u << RESOURCE_SERVER |
				      1u << RESOURCE_NETWORK |
				      1u << RESOURCE_VOLUME;
}

Test(phase_sweep, skips_what_was_seen_to_be_gone)
{
	begin_after_the_servers(GOAL_TEARDOWN);
	sweep_rest(0);
	asks(&t, "done");
}

/* A server that stood on the network for longer may have made a volume. */
Test(phase_sweep, looks_for_volumes_as_long_as_there_may_be_one)
{
	begin(GOAL_TEARDOWN);
	t.facts.removal.swept_kinds = 1u << RESOURCE_VOLUME;
	asks(&t, NETWORKS);
	takes(&t, 200, EMPTY("networks"), "next");
	sweep_kinds(0, 2);
	asks(&t, LISTED("volumes"));
}

/* Who has deleted something looks once more. */
static void deletes(const char *request)
{
	asks(&t, request);
	takes(&t, 204, "", "next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
}

/* When the records are gone: all there is to go by is the label. */
Test(phase_sweep, takes_a_cluster_that_is_deleted)
{
	begin(GOAL_SWEEP);
	asks(&t, NETWORKS);
	takes(&t, 200, BARE_NETWORK, "next");
	sweep_rest(0);
	deletes("DELETE /networks/2");
	asks(&t, NETWORKS);
	takes(&t, 200, EMPTY("networks"), "next");
	sweep_rest(0);
	asks(&t, "done");
}

Test(phase_sweep, looks_again_until_nothing_is_found)
{
	begin(GOAL_TEARDOWN);
	asks(&t, NETWORKS);
	takes(&t, 200,
		"{\"networks\":[{\"id\":2," OUR_LABEL
		",\"load_balancers\":[5],\"servers\":[10,11]}]}",
		"next");
	asks(&t, LISTED("load_balancers"));
	takes(&t, 200, "{\"load_balancers\":[" LABELLED(4) "]}", "next");
	sweep_rest(1);
	asks(&t, FRONTS("1"));
	takes(&t, 200,
		"{\"load_balancers\":[{\"id\":5,\"labels\":{"
		"\"hcloud-ccm/service-uid\":\"u\"}}]}",
		"next");
	erases(&t, "/load_balancers/4");
	erases(&t, "/load_balancers/5");
	asks(&t, "GET /servers/10");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "GET /servers/11");
	takes(&t, 200, "{\"server\":" LABELLED(11) "}", "next");
	asks(&t, "DELETE /servers/11");
	takes(&t, 200, "{}", "next");
	/* The network waits for the server. */
	asks(&t, "waits 500");
	trial_lease_again(&t);
	asks(&t, NETWORKS);
	takes(&t, 200, BARE_NETWORK, "next");
	sweep_rest(0);
	asks(&t, "DELETE /networks/2");
	takes(&t, 409, ERROR("conflict"), "next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
	asks(&t, NETWORKS);
}

Test(phase_sweep, looks_again_after_the_least_finding)
{
	begin(GOAL_TEARDOWN);
	trial_ask(&t);
	takes(&t, 200, EMPTY("networks"), "next");
	trial_ask(&t);
	takes(&t, 200, "{\"load_balancers\":[{\"id\":5," OUR_LABEL "}]}",
		"next");
	sweep_rest(1);
	erases(&t, "/load_balancers/5");
	asks(&t, "waits 500");
}

Test(phase_sweep, waits_for_what_is_protected)
{
	begin(GOAL_SWEEP);
	asks(&t, NETWORKS);
	takes(&t, 200, EMPTY("networks"), "next");
	sweep_kinds(0, 2);
	asks(&t, LISTED("volumes"));
	takes(&t, 200,
		"{\"volumes\":[{\"id\":7,\"protection\":{\"delete\":true}"
		"," OUR_LABEL "}]}",
		"next");
	sweep_rest(3);
	asks(&t, "failed retry protected");
}

/* ---- Balancers made anew, for a Service whose balancer went ---- */

#define ALL_BALANCERS "GET /load_balancers?per_page=50&page=1"
#define OF_SERVICE(id, service, rest)                                          \
	"{\"id\":" #id ",\"labels\":{\"hcloud-ccm/service-uid\":\"" service    \
	"\"}" rest "}"

static const char *const services[] = {"u-1", "u-2"};

static void begin_with_services(enum goal goal)
{
	begin_after_the_servers(goal);
	t.facts.removal.services = services;
	t.facts.removal.service_count = COUNT(services);
}

Test(phase_sweep, finds_a_balancer_that_was_made_anew)
{
	begin_with_services(GOAL_TEARDOWN);
	asks(&t, ALL_BALANCERS);
	takes(&t, 200,
		"{\"load_balancers\":[" OF_SERVICE(
			7, "u-2", ",\"targets\":[],\"private_net\":[]") "]}",
		"next");
	sweep_rest(1);
	cr_expect_str_eq(t.facts.resources[0].resource.service, "u-2");
	deletes("DELETE /load_balancers/7");
	asks(&t, ALL_BALANCERS);
	takes(&t, 200, EMPTY("load_balancers"), "next");
	sweep_rest(1);
	asks(&t, "done");
}

/* Also one of the same Service: it may run in another cluster by now. */
Test(phase_sweep, leaves_balancers_of_others_and_in_use)
{
	begin_with_services(GOAL_TEARDOWN);
	asks(&t, ALL_BALANCERS);
	takes(&t, 200,
		"{\"load_balancers\":[" OF_SERVICE(7, "u-3", "") "," OF_SERVICE(
			8, "u-1",
			",\"targets\":[{\"type\":\"ip\"}]") "," OF_SERVICE(9,
			"u-1",
			",\"private_net\":[{\"network\":77}]") ",{\"id\":10,\"labels\":{}}]}",
		"next");
	sweep_rest(1);
	asks(&t, "done");
}

Test(phase_sweep, reads_all_pages_of_balancers)
{
	static const char first_page[] =
		"{\"load_balancers\":[],\"meta\":{\"pagination\":"
		"{\"next_page\":2}}}";

	begin_with_services(GOAL_SWEEP);
	asks(&t, ALL_BALANCERS);
	takes(&t, 200, first_page, "next");
	sweep_rest(1);
	asks(&t, ALL_BALANCERS);
	takes(&t, 200, first_page, "next");
	asks(&t, "GET /load_balancers?per_page=50&page=2");
	takes(&t, 200, "{\"load_balancers\":[" OF_SERVICE(7, "u-1", "") "]}",
		"next");
	asks(&t, "DELETE /load_balancers/7");
}
