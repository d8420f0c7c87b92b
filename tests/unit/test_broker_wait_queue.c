/* Which wait queue serves a delay. */
#include <byoc/broker.h>

#include <criterion/criterion.h>
#include <stdio.h>

static void expect_delay(int wanted_ms, int expected_ms)
{
	char name[64];
	int actual_ms = 0;
	const char *queue = broker_wait_queue(wanted_ms, &actual_ms);

	snprintf(name, sizeof(name), "byoc.jobs.wait.%d", expected_ms);
	cr_expect_eq(actual_ms, expected_ms);
	cr_expect_str_eq(queue, name);
}

Test(broker_wait_queue, never_waits_shorter_than_asked)
{
	expect_delay(1, 250);
	expect_delay(250, 250);
	expect_delay(251, 500);
	expect_delay(501, 1000);
	expect_delay(1500, 2000);
	expect_delay(2001, 5000);
	expect_delay(5001, 15000);
	expect_delay(15001, 60000);
}

Test(broker_wait_queue, may_wait_shorter_and_the_rest_elsewhere)
{
	cr_expect_str_eq(broker_wait_queue_within(250), "byoc.jobs.wait.250");
	cr_expect_str_eq(broker_wait_queue_within(499), "byoc.jobs.wait.250");
	cr_expect_str_eq(broker_wait_queue_within(1999), "byoc.jobs.wait.1000");
	cr_expect_str_eq(
		broker_wait_queue_within(2000000000), "byoc.jobs.wait.60000");
	cr_expect_null(broker_wait_queue_within(249));
	cr_expect_null(broker_wait_queue_within(-1));
}

Test(broker_wait_queue, has_a_shortest_and_a_longest)
{
	expect_delay(0, 250);
	expect_delay(-1, 250);
	expect_delay(60001, 60000);
	expect_delay(2000000000, 60000);
}
