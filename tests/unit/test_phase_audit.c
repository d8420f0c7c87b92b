/* What is in a credential's project: kind by kind, page by page, and priced. */
#include "phase_harness.h"

#include <stdio.h>
#include <string.h>

static struct trial t;

static void set_up(void)
{
	trial_begin(&t, GOAL_PROVISION, "credential", 0);
	t.facts.audit_due = true;
	asks(&t, "POST /ssh_keys");
	takes(&t, 422, ERROR("invalid_input"), "next");
}

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_audit, .init = set_up, .fini = tear_down);

#define PAGE(kind, n) "GET /" kind "?per_page=50&page=" n

/* Answers for all kinds but one, up to the prices. */
static void finds_only(const char *kind, const char *list)
{
	for (int i = 0; i < RESOURCE_KIND_COUNT; i++) {
		const char *plural = kind_plural((enum resource_kind)i);
		char question[80], nothing[80];
		snprintf(question, sizeof question,
			"GET /%s?per_page=50&page=1", plural);
		snprintf(nothing, sizeof nothing, "{\"%s\":[]}", plural);
		asks(&t, question);
		takes(&t, 200, strcmp(plural, kind) == 0 ? list : nothing,
			"next");
	}
}

static const char prices[] =
	"{\"pricing\":{\"currency\":\"EUR\",\"server_types\":[{\"name\":\"cx22\","
	"\"prices\":[{\"location\":\"fsn1\",\"price_monthly\":"
	"{\"net\":\"3.7900000000\"}}]}]}}";

static void is_told(const char *audit)
{
	asks(&t, "GET /pricing");
	takes(&t, 200, prices, "next");
	asks(&t, "done");
	cr_assert_str_eq(t.facts.audit, audit);
}

Test(phase_audit, of_an_empty_project)
{
	finds_only("none", "");
	is_told("{\"currency\":\"EUR\",\"things\":[]}");
}

Test(phase_audit, tells_whose_a_server_may_be_and_its_price)
{
	finds_only("servers",
		"{\"servers\":[{\"id\":7,\"name\":\"a\",\"status\":\"off\","
		"\"server_type\":{\"name\":\"cx22\"},"
		"\"location\":{\"name\":\"fsn1\"},"
		"\"private_net\":[{\"network\":2,\"ip\":\"10.0.0.3\"}]," OUR_LABEL
		"}]}");
	is_told("{\"currency\":\"EUR\",\"things\":[{\"kind\":\"server\","
		"\"id\":7,\"name\":\"a\",\"cluster\":\"" CLUSTER_ID "\","
		"\"controlled\":false,\"fault\":\"it is switched off\","
		"\"network\":2,\"price\":3790000}]}");
}

Test(phase_audit, reads_prices_once_if_a_cluster_is_to_be_priced_as_well)
{
	t.facts.prices_due = true;
	asks(&t, "GET /server_types?per_page=50&page=1");
	takes(&t, 200,
		"{\"server_types\":[{\"name\":\"cx22\",\"cores\":2,\"memory\":4,"
		"\"disk\":40,\"cpu_type\":\"shared\",\"architecture\":\"x86\","
		"\"prices\":[]}]}",
		"next");
	finds_only("none", "");
	is_told("{\"currency\":\"EUR\",\"things\":[]}");
	cr_assert_not_null(t.facts.prices);
}

Test(phase_audit, tells_a_price_that_is_not_known_by_its_absence)
{
	finds_only("servers",
		"{\"servers\":[{\"id\":7,\"name\":\"a\",\"labels\":"
		"{\"hcloud/node-group\":\"pool\"}}]}");
	is_told("{\"currency\":\"EUR\",\"things\":[{\"kind\":\"server\","
		"\"id\":7,\"name\":\"a\",\"cluster\":null,"
		"\"controlled\":true,\"fault\":null}]}");
}

Test(phase_audit, sees_a_network_that_lost_its_way_out)
{
	finds_only("networks",
		"{\"networks\":[{\"id\":2,\"name\":\"n\",\"routes\":[]},"
		"{\"id\":3,\"name\":\"m\",\"routes\":[{\"destination\":"
		"\"0.0.0.0/0\",\"gateway\":\"10.0.0.254\"}]}]}");
	is_told("{\"currency\":\"EUR\",\"things\":[{\"kind\":\"network\","
		"\"id\":2,\"name\":\"n\",\"cluster\":null,"
		"\"controlled\":false,\"fault\":"
		"\"its route to the gateway is gone\","
		"\"price\":0},{\"kind\":\"network\",\"id\":3,\"name\":\"m\","
		"\"cluster\":null,\"controlled\":false,\"fault\":null,"
		"\"price\":0}]}");
}

Test(phase_audit, turns_pages)
{
	asks(&t, PAGE("load_balancers", "1"));
	takes(&t, 200,
		"{\"load_balancers\":[],\"meta\":{\"pagination\":"
		"{\"next_page\":2}}}",
		"next");
	asks(&t, PAGE("load_balancers", "2"));
	takes(&t, 200, EMPTY("load_balancers"), "next");
	asks(&t, PAGE("servers", "1"));
}

/* The token is good all the same. */
Test(phase_audit, that_is_refused_says_so_and_judges_nobody)
{
	asks(&t, PAGE("load_balancers", "1"));
	takes(&t, 403, ERROR("forbidden"), "next");
	asks(&t, "done");
	cr_assert(strstr(t.facts.audit, "\"code\":\"forbidden\""));
	cr_assert_null(strstr(t.facts.audit, "things"));
}

Test(phase_audit, that_gets_no_answer_is_tried_again)
{
	asks(&t, PAGE("load_balancers", "1"));
	takes(&t, 503, "", "failed retry http_503");
	cr_assert_null(t.facts.audit);
}

Test(phase_audit, is_not_made_unless_it_is_asked_for)
{
	t.facts.audit_due = false;
	asks(&t, "done");
	cr_assert_null(t.facts.audit);
}

/* What it was to be comes with the lease, of those that run. */
Test(phase_audit, sees_rules_that_were_changed)
{
	static const struct cluster running = {
		.id = CLUSTER_ID, .api_sources = "0.0.0.0/0,::/0"};

	for (int known = 0; known < 2; known++) {
		if (known) {
			trial_end(&t);
			set_up();
			t.facts.audited = &running;
			t.facts.audited_count = 1;
		}
		finds_only("firewalls",
			"{\"firewalls\":[{\"id\":3,\"name\":\"f\","
			"\"applied_to\":[{}],\"rules\":[]," OUR_LABEL "}]}");
		asks(&t, "GET /pricing");
		takes(&t, 200, prices, "next");
		asks(&t, "done");
		cr_assert_eq(known,
			strstr(t.facts.audit, "its rules were changed") != NULL,
			"%s", t.facts.audit);
	}
}

Test(phase_audit, sees_what_a_balancer_does_not_serve_any_more)
{
	static const struct cluster running = {
		.id = CLUSTER_ID, .api_sources = "0.0.0.0/0,::/0"};

	t.facts.audited = &running;
	t.facts.audited_count = 1;
	finds_only("load_balancers",
		"{\"load_balancers\":[{\"id\":4,\"name\":\"b\",\"services\":"
		"[],\"targets\":[{\"type\":\"server\"}]," OUR_LABEL
		"},{\"id\":5,\"name\":\"c\",\"services\":[],\"targets\":"
		"[{\"type\":\"server\"}]}]}");
	asks(&t, "GET /pricing");
	takes(&t, 200, prices, "next");
	asks(&t, "done");
	cr_assert(strstr(t.facts.audit, "its service for the API is gone"));
	cr_assert(strstr(t.facts.audit,
		"\"name\":\"c\",\"cluster\":null,\"controlled\":false,"
		"\"fault\":null"));
}
