/* Is a token good? Only Hetzner's own word is a verdict. */
#include "phase_harness.h"

#include <string.h>

static struct trial t;

static void set_up(void)
{
	trial_begin(&t, GOAL_PROVISION, "credential", 0);
}

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_credential, .init = set_up, .fini = tear_down);

static void ask_write(void)
{
	asks(&t, "POST /ssh_keys");
	sends(&t, "{\"name\":\"\"}");
}

Test(phase_credential, that_may_write_is_good)
{
	ask_write();
	takes(&t, 422, ERROR("invalid_input"), "next");
	asks(&t, "done");
}

Test(phase_credential, that_may_write_is_good_with_status_400_as_well)
{
	ask_write();
	takes(&t, 400, ERROR("invalid_input"), "next");
	asks(&t, "done");
}

Test(phase_credential, that_is_unknown_is_not)
{
	ask_write();
	takes(&t, 401, ERROR("unauthorized"),
		"failed credential unknown_token");
	says(&t, "Create a Read & Write token");
}

Test(phase_credential, that_may_only_read_is_not)
{
	ask_write();
	takes(&t, 403, ERROR("token_readonly"),
		"failed credential read_only_token");
	says(&t, "This token may only read.");
}

Test(phase_credential, that_is_misshapen_is_not_even_asked_about)
{
	static const char *const tokens[] = {"", "short",
		"0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ012-",
		"0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ01234",
		"0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ012\n"};

	for (size_t i = 0; i < COUNT(tokens); i++) {
		secret_clear(&t.token);
		secret_set(&t.token, tokens[i], strlen(tokens[i]));
		err_clear(&t.err);
		asks(&t, "failed credential malformed_token");
		if (*tokens[i])
			cr_assert_not(strstr(t.err.text, tokens[i]));
	}
}

Test(phase_credential, cleans_up_should_the_impossible_happen)
{
	ask_write();
	takes(&t, 201, "{\"ssh_key\":{\"id\":7}}", "next");
	erases(&t, "/ssh_keys/7");
	asks(&t, "done");
}

static void may_write(void)
{
	ask_write();
	takes(&t, 422, ERROR("invalid_input"), "next");
}

Test(phase_credential, that_finds_what_the_clusters_have_is_of_their_project)
{
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	trial_recorded(&t, RESOURCE_SERVER, "control_plane", 0, 10);
	may_write();
	asks(&t, "GET /networks/2");
	takes(&t, 200, "{\"network\":{\"id\":2}}", "next");
	asks(&t, "done");
}

Test(phase_credential, is_not_condemned_for_what_somebody_removed)
{
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	trial_recorded(&t, RESOURCE_SERVER, "control_plane", 0, 10);
	may_write();
	asks(&t, "GET /networks/2");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "GET /servers/10");
	takes(&t, 503, ERROR("maintenance"), "failed retry maintenance");
	err_clear(&t.err);
	takes(&t, 200, "{\"server\":{\"id\":10}}", "next");
	asks(&t, "done");
}

/* Twice, for a deletion may have taken it away while it was asked for. */
Test(phase_credential, that_finds_nothing_is_of_another_project)
{
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	may_write();
	asks(&t, "GET /networks/2");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, "failed retry other_project");
	err_clear(&t.err);
	t.facts.failures = 1;
	asks(&t, "failed credential other_project");
	says(&t, "Create a Read & Write token in their project");
}

Test(phase_credential, an_api_in_trouble_is_no_verdict)
{
	static const struct {
		int status;
		const char *body, *verdict;
	} cases[] = {
		{503, ERROR("maintenance"), "failed retry maintenance"},
		{502, "<html>", "failed retry http_502"},
		{429, ERROR("rate_limit_exceeded"), "wait 5000"},
		{403, ERROR("forbidden"), "failed retry no_verdict"},
		{404, "", "failed retry http_404"},
		{401, "<html>", "failed retry http_401"},
		{403, "<html>", "failed retry http_403"},
		{400, "<html>", "failed retry http_400"},
		{422, "", "failed retry http_422"},
		{404, ERROR("not_found"), "failed retry no_verdict"},
		{302, "", "failed retry http_302"},
		{409, ERROR("conflict"), "failed retry no_verdict"},
		{201, "{}", "failed retry bad_answer"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		err_clear(&t.err);
		ask_write();
		takes(&t, cases[i].status, cases[i].body, cases[i].verdict);
	}
	err_clear(&t.err);
	ask_write();
	cr_assert_str_eq(trial_take_lost(&t), "failed retry api_unreachable");
}

/* ---- What a cluster would cost ---- */

#define TYPE(name, price)                                                      \
	"{\"name\":\"" name "\",\"cores\":2,\"memory\":4,\"prices\":["         \
	"{\"location\":\"fsn1\",\"price_monthly\":{\"gross\":\"" price         \
	"\"}}]}"
#define TYPES(name, price) "{\"server_types\":[" TYPE(name, price) "]"
#define IN_FSN1(price)                                                           \
	"\"prices\":[{\"location\":\"fsn1\",\"price_monthly\":{\"net\":\"" price \
	"\"}}]}"

static void judged_good(void)
{
	t.facts.prices_due = true;
	ask_write();
	takes(&t, 422, ERROR("invalid_input"), "next");
	asks(&t, "GET /server_types?per_page=50&page=1");
}

Test(phase_credential, reads_what_a_cluster_would_cost)
{
	judged_good();
	takes(&t, 200,
		TYPES("dear", "9.0") ",\"meta\":{\"pagination\":{\"next_page\":"
				     "2}}}",
		"next");
	asks(&t, "GET /server_types?per_page=50&page=2");
	takes(&t, 200, TYPES("cheap", "3.0") "}", "next");
	asks(&t, "GET /pricing");
	takes(&t, 200,
		"{\"pricing\":{\"currency\":\"USD\",\"server_types\":["
		"{\"name\":\"dear\"," IN_FSN1(
			"7.5") ",{\"name\":"
			       "\"cheap\"," IN_FSN1(
				       "2.49") "],\"load_balancer_types\":["
					       "{\"name\":\"lb11\"," IN_FSN1(
						       "5.39") "],\"primary_ips\":["
							       "{\"type\":\"ipv4\"," IN_FSN1(
								       "0.5") "]}}",
		"next");
	asks(&t, "done");
	cr_assert_str_eq(t.facts.prices,
		"{\"currency\":\"USD\",\"locations\":[{\"location\":\"fsn1\","
		"\"server_type\":\"cheap\",\"gateway_type\":\"cheap\","
		"\"load_balancer_type\":\"lb11\",\"server_types\":{"
		"\"dear\":7500000,\"cheap\":2490000},"
		"\"load_balancer\":5390000,\"address\":500000}]}");
	cr_assert_not(t.facts.cluster_changed);
}

Test(phase_credential, needs_no_prices_to_be_good)
{
	judged_good();
	takes(&t, 503, ERROR("service_error"), "failed retry service_error");
	trial_lease_again(&t);
	err_clear(&t.err);
	t.facts.prices_due = true;
	t.facts.failures = 1;
	ask_write();
	takes(&t, 422, ERROR("invalid_input"), "next");
	asks(&t, "done");
}

Test(phase_credential, is_good_with_prices_that_make_no_sense)
{
	judged_good();
	takes(&t, 200, TYPES("cheap", "3.0") "}", "next");
	asks(&t, "GET /pricing");
	takes(&t, 200, "{\"pricing\":[]}", "next");
	asks(&t, "done");
	cr_assert_null(t.facts.prices);
}
