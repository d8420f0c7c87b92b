/* What becomes of a thing whose creation was never answered. */
#include "phase_harness.h"

static struct trial t;

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_adopt, .fini = tear_down);

#define BALANCER                                                               \
	"{\"id\":4,\"name\":\"demo-6f1c2b3a-load-balancer\",\"public_net\":{"  \
	"\"ipv4\":{\"ip\":\"203.0.113.7\"}},\"private_net\":[{\"network\":2,"  \
	"\"ip\":\"10.0.0.2\"}]," LABELS("load_balancer-0") "}"
#define BALANCERS "{\"load_balancers\":[" BALANCER "]}"
#define LOOK                                                                   \
	"GET /load_balancers?label_selector=" PHASE_SELECTOR(                  \
		"load_balancer-0") "&per_page=50"
#define RECALL(kind, id)                                                       \
	"GET /" kind "/" id "/actions?status=running&status=error&sort=id:desc"
#define ACTION(id, status) "{\"id\":" id ",\"status\":\"" status "\"}"
#define ACTIONS(items) "{\"actions\":[" items "]}"

static const struct resource *balancer(void)
{
	return facts_recorded(&t.facts, "load_balancer", 0);
}

static void begin(void)
{
	trial_begin(&t, GOAL_PROVISION, "load_balancer", 0);
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	t.facts.lease_count = 2;
	asks(&t, LOOK);
	takes(&t, 200, BALANCERS, "next");
	asks(&t, RECALL("load_balancers", "4"));
	cr_assert_null(balancer());
}

Test(phase_adopt, it_is_there_when_nothing_runs)
{
	begin();
	takes(&t, 200, ACTIONS(""), "next");
	asks(&t, "done");
	cr_assert_eq(balancer()->id, 4);
	cr_assert_str_eq(balancer()->public_address, "203.0.113.7");
}

Test(phase_adopt, what_runs_is_awaited)
{
	begin();
	takes(&t, 200, ACTIONS(ACTION("9", "running")), "next");
	asks(&t, "actions 9");
	takes(&t, 200, ACTIONS(ACTION("9", "running")), "wait 500");
	trial_lease_again(&t);
	asks(&t, "actions 9");
	takes(&t, 200, ACTIONS(ACTION("9", "success")), "next");
	asks(&t, "done");
}

Test(phase_adopt, what_did_not_come_to_life_is_made_again)
{
	begin();
	takes(&t, 200, ACTIONS(ACTION("9", "error")), "next");
	asks(&t, "actions 9");
	takes(&t, 200,
		ACTIONS("{\"id\":9,\"status\":\"error\",\"command\":"
			"\"create_load_balancer\",\"error\":{\"code\":"
			"\"unavailable\",\"message\":\"no\"}}"),
		"next");
	asks(&t, "DELETE /load_balancers/4");
	takes(&t, 204, "", "failed retry action_failed");
	cr_assert_null(balancer());
	trial_lease_again(&t);
	asks(&t, LOOK);
	takes(&t, 200, "{\"load_balancers\":[]}", "next");
	asks(&t, "POST /load_balancers");
}

/* Nothing is recorded before it is known: so nothing is forgotten either. */
Test(phase_adopt, it_is_asked_until_there_is_an_answer)
{
	begin();
	takes(&t, 503, "", "failed retry http_503");
	cr_assert_null(balancer());
	trial_lease_again(&t);
	asks(&t, LOOK);
	takes(&t, 200, BALANCERS, "next");
	asks(&t, RECALL("load_balancers", "4"));
	takes(&t, 200, "{}", "failed retry bad_answer");
	trial_lease_again(&t);
	asks(&t, LOOK);
	takes(&t, 200, BALANCERS, "next");
	asks(&t, RECALL("load_balancers", "4"));
	takes(&t, 404, ERROR("not_found"), "failed retry not_found");
}

Test(phase_adopt, by_its_name_as_well)
{
	trial_begin(&t, GOAL_PROVISION, "nat_gateway", 0);
	trial_recorded_ground(&t);
	asks(&t, "POST /servers");
	takes(&t, 409, ERROR("uniqueness_error"), "next");
	asks(&t, "GET /servers?name=demo-6f1c2b3a-nat-gateway");
	takes(&t, 200,
		"{\"servers\":[{\"id\":42,\"name\":\"demo-6f1c2b3a-nat-"
		"gateway\"," LABELS("nat_gateway-0") "}]}",
		"next");
	asks(&t, RECALL("servers", "42"));
	takes(&t, 200, ACTIONS(ACTION("9", "running")), "next");
	asks(&t, "actions 9");
}

/* Hetzner has made it when it answers: there are no actions to ask for. */
Test(phase_adopt, a_network_without_a_question)
{
	trial_begin(&t, GOAL_PROVISION, "network", 0);
	t.facts.lease_count = 2;
	trial_ask(&t);
	takes(&t, 200,
		"{\"networks\":[{\"id\":2,\"name\":\"n\"," LABELS(
			"network-0") "}]}",
		"next");
	asks(&t, "done");
}
