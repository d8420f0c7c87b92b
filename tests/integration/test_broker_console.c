/* The operator's side: counting, dead jobs, and watching events. */
#include "broker_fixture.h"

#include <byoc/clock.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct broker *broker;
static struct broker_console *console;

static void open_both(void)
{
	fixture_clean();
	broker = fixture_open(0);
	console = fixture_console();
}

static void close_both(void)
{
	broker_console_free(console);
	broker_close(broker);
}

TestSuite(broker_console, .init = open_both, .fini = close_both, .timeout = 60);

static void bury(const char *message_id, const char *body)
{
	struct message dead = fixture_job(message_id, body);

	dead.exchange = "";
	dead.routing_key = BROKER_DEAD;
	dead.reason_code = "bad_json";
	dead.reason = "the job is not JSON";
	dead.traceparent = "00-trace";
	fixture_publish(broker, &dead);
	fixture_confirm(broker);
}

static struct letter *look(const char *queue)
{
	struct letter *letter = NULL;

	cr_assert(broker_console_look(console, queue, &letter, &fixture_err),
		"%s", fixture_err.text);
	return letter;
}

/* What a look gives back is counted again a moment later. */
static void expect_count(const char *queue, uint32_t messages)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	const int64_t end_ms = clock_now_ms() + 5000;
	struct queue_count count = {99, 99};

	while (count.messages != messages && clock_now_ms() < end_ms) {
		cr_assert(broker_console_count(
				  console, queue, &count, &fixture_err),
			"%s", fixture_err.text);
		if (count.messages != messages)
			nanosleep(&pause, NULL);
	}
	cr_expect_eq(count.messages, messages, "%s has %u messages, not %u",
		queue, count.messages, messages);
}

Test(broker_console, counts_messages_and_consumers)
{
	struct queue_count count = {0};
	struct broker *worker = fixture_open(1);

	cr_assert(broker_console_count(
		console, BROKER_JOBS, &count, &fixture_err));
	cr_expect_eq(count.messages, 0);
	cr_expect_eq(count.consumers, 1);
	broker_close(worker);
	bury("one", "1");
	expect_count(BROKER_DEAD, 1);
}

Test(broker_console, a_missing_queue_is_named_and_the_console_goes_on)
{
	struct queue_count count;
	struct err err = {0};

	cr_expect_not(broker_console_count(console, "nowhere", &count, &err));
	cr_expect_eq(err.kind, ERR_REFUSED);
	cr_expect_str_eq(err.code, "not_found");
	cr_expect(strstr(err.text, "'nowhere'"));
	cr_expect(strstr(err.text, "byoc topology"));
	expect_count(BROKER_DEAD, 0);
	bury("one", "1");

	struct letter *letter = look(BROKER_DEAD);

	cr_expect(broker_console_requeue(console, letter, &fixture_err));
	letter_free(letter);
}

Test(broker_console, looking_shows_all_and_changes_nothing)
{
	bury("one", "1");
	bury("two", "2");

	struct letter *one = look(BROKER_DEAD);
	struct letter *two = look(BROKER_DEAD);

	cr_assert(one && two);
	cr_expect_null(look(BROKER_DEAD));
	cr_expect_str_eq(one->delivery.message_id, "one");
	cr_expect_str_eq(one->delivery.body, "1");
	cr_expect_str_eq(one->delivery.traceparent, "00-trace");
	cr_expect_str_eq(one->exchange ? one->exchange : "", "");
	cr_expect_str_eq(one->routing_key, BROKER_DEAD);
	cr_expect_str_eq(one->type, "cluster.phase");
	cr_expect_str_eq(one->content_type, "application/json");
	cr_expect_str_eq(one->reason_code, "bad_json");
	cr_expect_str_eq(one->reason, "the job is not JSON");
	cr_expect_gt(one->sent_unix, 1700000000);
	cr_expect_str_eq(two->delivery.message_id, "two");
	letter_free(one);
	letter_free(two);
	/* More often than a broker's own delivery limit would bear. */
	for (int i = 0; i < 25; i++) {
		broker_console_free(console);
		console = fixture_console();
		letter_free(look(BROKER_DEAD));
	}
	broker_console_free(console);
	console = fixture_console();
	expect_count(BROKER_DEAD, 2);
}

Test(broker_console, drops_one_and_requeues_one)
{
	struct broker *worker;

	bury("one", "1");
	bury("two", "2");
	bury("three", "3");

	struct letter *one = look(BROKER_DEAD);
	struct letter *two = look(BROKER_DEAD);

	cr_assert(broker_console_drop(console, one, &fixture_err));
	cr_assert(broker_console_requeue(console, two, &fixture_err), "%s",
		fixture_err.text);
	letter_free(one);
	letter_free(two);
	broker_console_free(console);
	console = fixture_console();
	expect_count(BROKER_DEAD, 1);
	expect_count(BROKER_JOBS, 1);
	worker = fixture_open(1);

	struct delivery *job = fixture_delivery(worker);

	cr_expect_str_eq(job->body, "2");
	cr_expect_str_eq(job->message_id, "two");
	cr_expect_str_eq(job->traceparent, "00-trace");
	cr_expect(broker_ack(worker, job->tag, &fixture_err));
	delivery_free(job);
	broker_close(worker);
}

Test(broker_console, a_large_dead_job_is_requeued_whole)
{
	const size_t size = 3 * 1024 * 1024;
	char *body = malloc(size);

	memset(body, 'x', size);
	fixture_publish_large(BROKER_DEAD, body, size);

	struct letter *letter = look(BROKER_DEAD);

	cr_assert(broker_console_requeue(console, letter, &fixture_err));
	letter_free(letter);
	letter = look(BROKER_JOBS);
	cr_assert_eq(letter->delivery.size, size);
	cr_expect_eq(memcmp(letter->delivery.body, body, size), 0);
	letter_free(letter);
	free(body);
}

static void tell(const char *key)
{
	struct message event = fixture_job("id", "{}");

	event.exchange = BROKER_EVENTS;
	event.routing_key = key;
	event.mandatory = false;
	fixture_publish(broker, &event);
	fixture_confirm(broker);
}

Test(broker_console, watches_the_events_that_fit_the_pattern)
{
	struct letter *event = NULL;
	struct pollfd fd = {.events = POLLIN};

	cr_assert(broker_console_watch(console, "cluster.7.#", &fixture_err),
		"%s", fixture_err.text);
	cr_assert(broker_console_event(console, 50, &event, &fixture_err));
	cr_expect_null(event);
	tell("cluster.8.running");
	tell("cluster.7.phase.done");
	tell("cluster.7.running");
	fd.fd = broker_console_socket(console);
	cr_expect_eq(poll(&fd, 1, 5000), 1);
	cr_assert(broker_console_event(console, 5000, &event, &fixture_err));
	cr_assert(event);
	cr_expect_str_eq(event->routing_key, "cluster.7.phase.done");
	cr_expect_str_eq(event->delivery.body, "{}");
	letter_free(event);
	cr_assert(broker_console_event(console, 5000, &event, &fixture_err));
	cr_assert(event);
	cr_expect_str_eq(event->routing_key, "cluster.7.running");
	letter_free(event);
	cr_assert(broker_console_event(console, 0, &event, &fixture_err));
	cr_expect_null(event);
}
