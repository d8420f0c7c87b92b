/* The survey: what a teardown would take away, and what that costs. */
#include "phase_harness.h"

#include <string.h>

static struct trial t;

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_survey, .fini = tear_down);

#define PRICES                                                                 \
	"{\"pricing\":{\"currency\":\"EUR\",\"volume\":{"                      \
	"\"price_per_gb_month\":{\"net\":\"0.0440000000\"}},"                  \
	"\"primary_ips\":[{\"type\":\"ipv4\",\"prices\":[{\"location\":"       \
	"\"fsn1\",\"price_monthly\":{\"net\":\"0.5\"}}]}],"                    \
	"\"server_types\":[{\"name\":\"cx23\",\"prices\":[{\"location\":"      \
	"\"hel1\",\"price_monthly\":{\"net\":\"9\"}},{\"location\":\"fsn1\""   \
	",\"price_monthly\":{\"net\":\"3.4900000000\"}}]}],"                   \
	"\"load_balancer_types\":[]}}"
#define AT_FSN1 "\"location\":{\"name\":\"fsn1\"}"

static const struct fact_resource *fact(enum resource_kind kind, int64_t id)
{
	for (size_t i = 0; i < t.facts.resource_count; i++)
		if (t.facts.resources[i].resource.kind == kind &&
			t.facts.resources[i].resource.id == id)
			return &t.facts.resources[i];
	cr_assert(false, "no %d", (int)id);
	return NULL;
}

static void finds_nothing(const char *kind)
{
	cr_assert_str_eq(trial_ask(&t),
		arena_format(t.facts.arena,
			"GET /%s?label_selector=%s&per_page=50&page=1", kind,
			CLUSTER_SELECTOR));
	takes(&t, 200, arena_format(t.facts.arena, "{\"%s\":[]}", kind),
		"next");
}

Test(phase_survey, asks_and_changes_nothing)
{
	trial_begin(&t, GOAL_SURVEY, "survey", 0);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	trial_recorded(&t, RESOURCE_FIREWALL, "firewall", 0, 3);
	asks(&t, NETWORKS);
	takes(&t, 200,
		"{\"networks\":[{\"id\":2," OUR_LABEL ",\"servers\":[9,12]}]}",
		"next");
	asks(&t, LISTED("servers"));
	takes(&t, 200,
		"{\"servers\":[{\"id\":12," OUR_LABEL "," AT_FSN1
		",\"server_type\":{\"name\":\"cx23\"},\"public_net\":{\"ipv4\":"
		"{\"id\":0,\"ip\":\"9.9.9.9\"}}}]}",
		"next");
	finds_nothing("load_balancers");
	asks(&t, LISTED("servers"));
	takes(&t, 200, "{\"servers\":[]}", "next");
	asks(&t, "GET /servers/9");
	takes(&t, 200, "{\"server\":{\"id\":9,\"name\":\"bastion\"}}", "next");
	asks(&t, LISTED("volumes"));
	takes(&t, 200,
		"{\"volumes\":[{\"id\":7,\"size\":10," OUR_LABEL
		"},{\"id\":8,\"size\":10,\"protection\":{\"delete\":true}"
		"," OUR_LABEL "}]}",
		"next");
	/* Recorded, and without its label: it is told of if it is there. */
	finds_nothing("firewalls");
	asks(&t, "GET /firewalls/3");
	takes(&t, 404, ERROR("not_found"), "next");
	finds_nothing("ssh_keys");
	finds_nothing("primary_ips");
	asks(&t, "GET /pricing");
	cr_assert(t.ask.shared);
	takes(&t, 200, PRICES, "next");
	asks(&t, "done");
	cr_assert_str_eq(t.facts.currency, "EUR");
	cr_assert_eq(fact(RESOURCE_SERVER, 12)->bill.price, 3490000);
	cr_assert_eq(fact(RESOURCE_VOLUME, 7)->bill.price, 440000);
	cr_assert(fact(RESOURCE_VOLUME, 8)->held);
	cr_assert_not(fact(RESOURCE_FIREWALL, 3)->seen);
	cr_assert_eq(t.facts.kept_count, 1);
	cr_assert_str_eq(t.facts.kept[0].resource.name, "bastion");
	cr_assert_eq(t.facts.kept[0].bill.price, -1, "no type was told");
}

Test(phase_survey, gives_up_soon_for_somebody_waits)
{
	struct err err = {.kind = ERR_RETRY, .code = "bad_answer"};

	trial_begin(&t, GOAL_SURVEY, "survey", 0);
	cr_assert_eq(phase_retry_ms(GOAL_SURVEY, &t.facts, &err), 500);
	t.facts.failures = 4;
	cr_assert_eq(phase_retry_ms(GOAL_SURVEY, &t.facts, &err), -1);
	strcpy(err.code, "other_project");
	t.facts.failures = 0;
	cr_assert_eq(phase_retry_ms(GOAL_SURVEY, &t.facts, &err), -1);
}
