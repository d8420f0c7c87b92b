/* When a phase looks again: as late as it takes, and not much later. */
#include "phase_harness.h"

static struct trial t;
static struct pace pace;

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_pace, .fini = tear_down);

/* One deletion of servers that takes so long; returns its age at the end, and
 * how often it looked. A call and a lease take a while, too. */
static int delete_servers(int takes_ms, int *looks)
{
	enum { HOP_MS = 10, CALL_MS = 20 };

	trial_begin(&t, GOAL_TEARDOWN, "servers", 0);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	t.facts.pace = &pace;
	asks(&t, "DELETE /servers/12");
	t.facts.age_ms = CALL_MS;
	takes(&t, 200, "{}", "next");
	for (*looks = 0;;) {
		trial_ask(&t);
		if (t.facts.memory.asked == NULL)
			break;
		cr_assert_geq(t.facts.wait_ms, 50);
		t.facts.age_ms += t.facts.wait_ms + HOP_MS;
		bool gone = t.facts.age_ms >= CALL_MS + takes_ms;
		trial_lease_again(&t);
		asks(&t, LISTED("servers"));
		t.facts.age_ms += CALL_MS;
		++*looks;
		takes(&t, 200,
			gone ? EMPTY("servers")
			     : "{\"servers\":[{\"id\":12,\"status\":"
			       "\"deleting\"," OUR_LABEL "}]}",
			"next");
	}
	int age_ms = (int)t.facts.age_ms;
	trial_end(&t);
	return age_ms;
}

/* The whole of it, with the calls and as late as is near enough. */
static int prompt_ms(int takes_ms)
{
	return takes_ms + takes_ms / 32 + 50;
}

static void expect_prompt(int takes_ms)
{
	enum { TIMES = 50 };
	int looks, all_looks = 0, all_ms = 0;

	for (int i = 0; i < TIMES; i++) {
		all_ms += delete_servers(takes_ms, &looks);
		all_looks += looks;
	}
	cr_expect_leq(
		all_ms / TIMES, prompt_ms(takes_ms), "%d ms", all_ms / TIMES);
	cr_expect_leq(all_looks, TIMES + 3, "%d looks", all_looks);
	trial_begin(&t, GOAL_TEARDOWN, "servers", 0);
}

Test(phase_pace, without_any_it_is_half_of_the_age)
{
	trial_begin(&t, GOAL_TEARDOWN, "servers", 0);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	asks(&t, "DELETE /servers/12");
	takes(&t, 200, "{}", "next");
	t.facts.age_ms = 3000;
	asks(&t, "waits 1500");
}

/* Where nothing is known, it looks late rather than often; too soon is a step
 * of the search, and one or the other of those by which it draws near. */
Test(phase_pace, finds_out_how_long_it_takes_with_few_looks)
{
	static const int takes_ms[] = {1100, 1500, 2000, 2400};
	int looks;

	for (size_t i = 0; i < COUNT(takes_ms); i++) {
		int too_soon = 0;
		pace = (struct pace){0};
		for (int n = 0; n < 20; n++) {
			delete_servers(takes_ms[i], &looks);
			cr_expect_leq(looks, n == 0 ? 1 : 2, "%d ms: %d looks",
				takes_ms[i], looks);
			too_soon += looks - 1;
		}
		cr_expect_leq(too_soon, 2, "%d ms: %d", takes_ms[i], too_soon);
		cr_expect_leq(delete_servers(takes_ms[i], &looks),
			prompt_ms(takes_ms[i]), "%d ms", takes_ms[i]);
	}
	trial_begin(&t, GOAL_TEARDOWN, "servers", 0);
}

Test(phase_pace, takes_longer_than_one_would_guess)
{
	int looks;

	delete_servers(7000, &looks);
	cr_expect_leq(looks, 4, "%d looks", looks);
	for (int i = 0; i < 12; i++)
		delete_servers(7000, &looks);
	expect_prompt(7000);
}

/* All of them are begun before the first one is over. */
Test(phase_pace, many_at_once_teach_no_more_than_one)
{
	int looks, over_ms = delete_servers(2000, &looks);
	int64_t look_ms = pace.look_ms;

	trial_begin(&t, GOAL_TEARDOWN, "servers", 0);
	for (int i = 0; i < 100; i++) {
		trial_end(&t);
		trial_begin(&t, GOAL_TEARDOWN, "servers", 0);
		t.facts.pace = &pace;
		t.facts.lease_count = 2;
		t.facts.age_ms = over_ms;
		asks(&t, LISTED("servers"));
		takes(&t, 200, EMPTY("servers"), "next");
		asks(&t, "done");
	}
	cr_expect_eq(pace.look_ms, look_ms);
}

Test(phase_pace, follows_what_takes_longer_from_now_on)
{
	int looks;

	for (int i = 0; i < 10; i++)
		delete_servers(2000, &looks);
	for (int i = 0; i < 8; i++)
		delete_servers(6000, &looks);
	expect_prompt(6000);
}

Test(phase_pace, follows_what_takes_less_from_now_on)
{
	int looks;

	for (int i = 0; i < 10; i++)
		delete_servers(6000, &looks);
	for (int i = 0; i < 150; i++)
		delete_servers(2000, &looks);
	cr_expect_lt(delete_servers(2000, &looks), 5000);
	trial_begin(&t, GOAL_TEARDOWN, "servers", 0);
}

/* One that took long delays the next ones for a short while only. */
Test(phase_pace, one_that_hangs_is_no_rule)
{
	int looks;

	for (int i = 0; i < 10; i++)
		delete_servers(2000, &looks);
	delete_servers(60000, &looks);
	cr_expect_lt(delete_servers(2000, &looks), 3200);
	for (int i = 0; i < 20; i++)
		delete_servers(2000, &looks);
	expect_prompt(2000);
}

Test(phase_pace, one_that_hangs_is_looked_at_now_and_then)
{
	int looks;

	delete_servers(2000, &looks);
	trial_begin(&t, GOAL_TEARDOWN, "servers", 0);
	t.facts.pace = &pace;
	t.facts.lease_count = 9;
	t.facts.age_ms = 300000;
	asks(&t, LISTED("servers"));
	takes(&t, 200,
		"{\"servers\":[{\"id\":12,\"status\":\"deleting\"," OUR_LABEL
		"}]}",
		"next");
	asks(&t, "waits 15000");
}

Test(phase_pace, attempts_that_failed_teach_nothing)
{
	trial_begin(&t, GOAL_TEARDOWN, "servers", 0);
	t.facts.pace = &pace;
	t.facts.lease_count = 2;
	t.facts.failures = 1;
	t.facts.age_ms = 60000;
	asks(&t, LISTED("servers"));
	takes(&t, 200, EMPTY("servers"), "next");
	asks(&t, "done");
	cr_assert_eq(pace.look_ms, 0);
}
