/* Server types and keys. */
#include "phase_harness.h"

#include <string.h>

static struct trial t;

static void set_up(void)
{
	trial_begin(&t, GOAL_PROVISION, "prepare", 0);
	t.facts.cluster.server_type[0] = '\0';
	t.facts.cluster.gateway_type[0] = '\0';
	t.facts.cluster.ssh_public_key[0] = '\0';
	t.facts.now_unix = 1793491200; /* 2026-11-01 */
}

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_prepare, .init = set_up, .fini = tear_down);

#define PAGE "server_types/page.json"

static const char *read_types(const char *wanted, const char *file)
{
	strcpy(t.facts.cluster.server_type, wanted);
	asks(&t, "GET /server_types?per_page=50&page=1");
	return trial_take(&t, 200, trial_file(&t, file));
}

Test(phase_prepare, chooses_types_and_makes_keys)
{
	cr_assert_str_eq(read_types("", PAGE), "next");
	cr_assert_str_eq(t.facts.cluster.server_type, "cx23");
	cr_assert_str_eq(t.facts.cluster.gateway_type, "cx13");
	cr_assert(t.facts.cluster_changed);
	t.facts.cluster_changed = false;
	asks(&t, "keys");
	cr_assert_str_eq(trial_take_keys(&t, TEST_KEY), "next");
	cr_assert(t.facts.cluster_changed);
	asks(&t, "done");
}

Test(phase_prepare, does_nothing_twice)
{
	strcpy(t.facts.cluster.server_type, "cx23");
	strcpy(t.facts.cluster.gateway_type, "cx23");
	strcpy(t.facts.cluster.ssh_public_key, TEST_KEY);
	asks(&t, "done");
}

Test(phase_prepare, keys_that_were_not_made_are_a_bug)
{
	strcpy(t.facts.cluster.gateway_type, "cx23");
	asks(&t, "keys");
	cr_assert_str_eq(trial_take_keys(&t, ""), "failed bug no_keys");
}

Test(phase_prepare, follows_the_pages)
{
	cr_assert_str_eq(read_types("", "server_types/page-1.json"), "next");
	cr_assert_str_eq(t.facts.cluster.gateway_type, "");
	asks(&t, "GET /server_types?per_page=50&page=2");
	takes(&t, 200, trial_file(&t, "server_types/page-2.json"), "next");
	cr_assert_str_eq(t.facts.cluster.server_type, "cx23");
	cr_assert_str_eq(t.facts.cluster.gateway_type, "cx13");
}

Test(phase_prepare, chooses_what_the_location_offers)
{
	static const struct {
		enum location location;
		const char *node, *gateway;
	} cases[] = {
		{LOCATION_FSN1, "cx23", "cx13"},
		{LOCATION_NBG1, "cx23", "cx23"},
		/* cx23 would be cheaper, but is sold out there. */
		{LOCATION_HEL1, "cpx22", "cpx22"},
		{LOCATION_ASH, "cpx21", "cpx11"},
		{LOCATION_HIL, "cpx21", "cpx11"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cluster *cluster = &t.facts.cluster;
		trial_end(&t);
		set_up();
		cluster->location = cases[i].location;
		cr_assert_str_eq(read_types("", PAGE), "next");
		cr_assert_str_eq(cluster->server_type, cases[i].node);
		cr_assert_str_eq(cluster->gateway_type, cases[i].gateway);
	}
}

Test(phase_prepare, refuses_where_nothing_fits)
{
	t.facts.cluster.location = LOCATION_SIN;
	cr_assert_str_eq(read_types("", PAGE), "failed refused no_server_type");
	says(&t, "choose another location");
	cr_assert_str_eq(t.facts.cluster.gateway_type, "");
}

Test(phase_prepare, accepts_the_customers_type)
{
	static const char *const types[] = {"cx33", "cax11", "ccx13", "cx23"};

	for (size_t i = 0; i < COUNT(types); i++) {
		trial_end(&t);
		set_up();
		cr_assert_str_eq(read_types(types[i], PAGE), "next");
		cr_assert_str_eq(t.facts.cluster.server_type, types[i]);
		cr_assert_str_eq(t.facts.cluster.gateway_type, "cx13");
	}
}

Test(phase_prepare, refuses_a_type_that_is_sold_out_and_names_others)
{
	t.facts.cluster.location = LOCATION_HEL1;
	cr_assert_str_eq(read_types("cx23", PAGE),
		"failed refused server_type_sold_out");
	says(&t, "sold out in hel1 right now");
	says(&t, "Offered in hel1: cpx22");
}

Test(phase_prepare, refuses_an_unknown_type_and_names_others)
{
	cr_assert_str_eq(
		read_types("cx99", PAGE), "failed refused unknown_server_type");
	cr_assert_str_eq(t.err.text,
		"Hetzner has no server type 'cx99'. Offered in fsn1: cx23, "
		"cx33, cpx22, cx43, cpx32.");
}

Test(phase_prepare, refuses_a_type_that_is_offered_elsewhere)
{
	cr_assert_str_eq(read_types("cpx21", PAGE),
		"failed refused server_type_not_offered");
	says(&t, "'cpx21' is not offered in fsn1. Offered in fsn1: cx23,");
}

Test(phase_prepare, refuses_a_type_past_its_end)
{
	cr_assert_str_eq(read_types("cx22", PAGE),
		"failed refused server_type_not_offered");
}

Test(phase_prepare, accepts_a_type_before_its_end)
{
	t.facts.now_unix = 1764547200; /* 2025-12-01 */
	cr_assert_str_eq(read_types("cx22", PAGE), "next");
	trial_end(&t);
	set_up();
	t.facts.now_unix = 0; /* nobody said: Hetzner will */
	cr_assert_str_eq(read_types("cx22", PAGE), "next");
}

Test(phase_prepare, refuses_a_type_that_is_too_small)
{
	cr_assert_str_eq(read_types("cpx11", PAGE),
		"failed refused server_type_too_small");
	says(&t, "2 cores and 4 GB");
}

Test(phase_prepare, reads_older_answers)
{
	cr_assert_str_eq(read_types("", "server_types/older.json"), "next");
	cr_assert_str_eq(t.facts.cluster.server_type, "cx21");
	cr_assert_str_eq(t.facts.cluster.gateway_type, "cx11");
}

Test(phase_prepare, takes_the_first_that_fits_where_no_prices_are_said)
{
	cr_assert_str_eq(
		read_types("", "server_types/without-prices.json"), "next");
	cr_assert_str_eq(t.facts.cluster.server_type, "cx23");
}

Test(phase_prepare, tries_again_on_what_makes_no_sense)
{
	static const char *const bodies[] = {"{}", "{\"server_types\":[]}",
		"{\"server_types\":{}}", "{\"server_types\":[7]}",
		"{\"server_types\":[{\"name\":7}]}"};

	for (size_t i = 0; i < COUNT(bodies); i++) {
		trial_end(&t);
		set_up();
		trial_ask(&t);
		takes(&t, 200, bodies[i], "failed retry bad_answer");
	}
}
