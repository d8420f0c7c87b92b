/*
 * A broker that takes nothing and says nothing any more: no call waits for it,
 * but for those that say so. Run by broker_tls.sh.
 */
#include "broker_fixture.h"
#include "broker_proxy.h"

#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For one call, on a busy machine; waiting for the broker takes seconds. */
#define CALL_MS 250

static struct proxy *proxy;

static void tear_down(void)
{
	proxy_stop(proxy);
}

TestSuite(
	broker_stall, .init = fixture_clean, .fini = tear_down, .timeout = 100);

struct opening {
	char url[256];
	struct broker *broker;
	struct err err;
};

static void *open_there(void *argument)
{
	struct opening *opening = argument;
	struct broker_options options = fixture_options(10);
	struct secret url = {0};

	secret_set(&url, opening->url, strlen(opening->url));
	options.url = &url;
	options.ca_file = getenv("TLS_CA");
	opening->broker = broker_open(&options, &opening->err);
	secret_clear(&url);
	return NULL;
}

/* To the broker with the proxy in between. */
static struct opening through_proxy(const char *scheme)
{
	const char *plain_port = strrchr(getenv("AMQP_URL"), ':') + 1;
	bool tls = strcmp(scheme, "amqps") == 0;
	struct opening opening = {0};

	proxy = proxy_start(atoi(tls ? getenv("TLS_PORT") : plain_port));
	snprintf(opening.url, sizeof(opening.url),
		"%s://guest:guest@127.0.0.1:%d/%%2f", scheme,
		proxy_port(proxy));
	return opening;
}

/* Opened on a thread of its own, and used on the test's. */
static struct broker *open_on_thread(struct opening *opening)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, open_there, opening), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	return opening->broker;
}

static struct broker *open_through_proxy(const char *scheme)
{
	struct opening opening = through_proxy(scheme);
	struct broker *broker = open_on_thread(&opening);

	cr_assert(broker, "%s: %s", opening.err.code, opening.err.text);
	return broker;
}

/* Began before the call; fails when it took longer than it may. */
static void expect_prompt(int64_t began_ms, const char *call)
{
	int64_t took_ms = fixture_now_ms() - began_ms;

	cr_assert(took_ms <= CALL_MS, "%s took %d ms", call, (int)took_ms);
}

static int publish_while_allowed(
	struct broker *broker, const struct message *message)
{
	int published = 0;

	while (broker_can_publish(broker)) {
		int64_t began_ms = fixture_now_ms();

		fixture_publish(broker, message);
		expect_prompt(began_ms, "broker_publish");
		cr_assert(++published < 1000000, "it never says no");
	}
	return published;
}

/* What a worker does in a tick; false when the broker is found lost. */
static bool tick(struct broker *broker, uint64_t tag, struct err *err)
{
	int64_t began_ms = fixture_now_ms();
	bool works = broker_turn(broker, err);

	expect_prompt(began_ms, "broker_turn");
	began_ms = fixture_now_ms();
	works = works && broker_ask_backlog(broker, err);
	expect_prompt(began_ms, "broker_ask_backlog");
	began_ms = fixture_now_ms();
	works = works && (!tag || broker_ack(broker, tag, err));
	expect_prompt(began_ms, "broker_ack");
	fixture_sleep_ms(20);
	return works;
}

/* A quorum queue tells its length a little late. */
static void expect_no_backlog(struct broker *broker)
{
	int64_t end_ms = fixture_now_ms() + 20000;
	struct err err = {0};

	while (broker_backlog(broker) != 0) {
		cr_assert(fixture_now_ms() < end_ms, "%d jobs are left",
			(int)broker_backlog(broker));
		cr_assert(tick(broker, 0, &err), "%s", err.text);
	}
}

static void stall(const char *scheme, size_t size)
{
	struct broker *broker = open_through_proxy(scheme);
	struct message job = fixture_job("id", "first");
	char *body = memory_new(size);
	struct delivery *delivery;
	struct err err = {0};

	fixture_publish(broker, &job);
	fixture_confirm(broker);
	delivery = fixture_delivery(broker);
	proxy_delay(proxy, -1);
	job.exchange = BROKER_EVENTS;
	job.mandatory = false;
	job.body = body;
	job.size = size;
	int published = publish_while_allowed(broker, &job);

	for (int i = 0; i < 50; i++) {
		cr_assert(tick(broker, i ? 0 : delivery->tag, &err), "%s",
			err.text);
		/* The kernels between still find some room at first. */
		published += publish_while_allowed(broker, &job);
	}
	proxy_delay(proxy, 0);
	for (int i = 0; i < published; i++)
		cr_assert_eq(fixture_confirm(broker).kind, CONFIRM_TAKEN);
	cr_expect(broker_can_publish(broker));
	expect_no_backlog(broker);
	delivery_free(delivery);
	free(body);
	broker_close(broker);
}

Test(broker_stall, small_messages_wait_for_nobody)
{
	stall("amqp", 100);
}

Test(broker_stall, large_messages_wait_for_nobody)
{
	stall("amqp", MESSAGE_BODY_MAX);
}

Test(broker_stall, small_messages_wait_for_nobody_over_tls)
{
	stall("amqps", 100);
}

Test(broker_stall, large_messages_wait_for_nobody_over_tls)
{
	stall("amqps", MESSAGE_BODY_MAX);
}

/* Long enough for heartbeats to be due on the full connection. */
static void expect_given_up(const char *scheme)
{
	struct broker *broker = open_through_proxy(scheme);
	struct message job = fixture_job("id", "job");
	int64_t deadline = fixture_now_ms() + 90000;
	struct err err = {0};

	proxy_delay(proxy, -1);
	publish_while_allowed(broker, &job);
	while (tick(broker, 0, &err))
		cr_assert(fixture_now_ms() < deadline, "it is not given up");
	cr_expect_eq(err.kind, ERR_RETRY);
	cr_expect_str_eq(err.code, "broker_lost");
	cr_log_info("%s", err.text);

	int64_t began_ms = fixture_now_ms();

	broker_free(broker);
	expect_prompt(began_ms, "broker_free");
}

Test(broker_stall, is_given_up_and_dropped_at_once)
{
	expect_given_up("amqp");
}

Test(broker_stall, is_given_up_and_dropped_at_once_over_tls)
{
	expect_given_up("amqps");
}

static int64_t time_to_end(
	struct broker *broker, void (*end)(struct broker *broker))
{
	int64_t began_ms = fixture_now_ms();

	end(broker);
	return fixture_now_ms() - began_ms;
}

Test(broker_stall, a_farewell_waits_two_seconds_and_dropping_does_not)
{
	struct broker *broker = open_through_proxy("amqp");

	proxy_delay(proxy, -1);
	cr_expect_leq(time_to_end(broker, broker_close), 2500);
	proxy_stop(proxy);
	broker = open_through_proxy("amqp");
	proxy_delay(proxy, -1);
	cr_expect_leq(time_to_end(broker, broker_free), CALL_MS);
}

Test(broker_stall, opening_has_one_bound_over_all_its_requests)
{
	struct opening opening = through_proxy("amqp");
	int64_t began_ms = fixture_now_ms();

	/* Each request is answered in time, all of them are not. */
	proxy_delay(proxy, 1500);
	cr_expect_null(open_on_thread(&opening));
	cr_expect_eq(opening.err.kind, ERR_RETRY);
	cr_expect_leq(fixture_now_ms() - began_ms, 31000);
	cr_log_info("%s", opening.err.text);
}
