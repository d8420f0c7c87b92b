/*
 * The broker layer against a real RabbitMQ: topology, publishing, consuming.
 * Run one test at a time (--jobs 1): they share the broker.
 */
#include "broker_fixture.h"

#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(broker, .init = fixture_clean, .timeout = 60);

static void expect_confirm(
	struct broker *broker, uint64_t ticket, enum confirm_kind kind)
{
	struct confirm confirm = fixture_confirm(broker);

	cr_expect_eq(confirm.ticket, ticket);
	cr_expect_eq(confirm.kind, kind);
}

static void expect_delivery(struct broker *broker, const char *body)
{
	struct delivery *delivery = fixture_delivery(broker);

	cr_expect_str_eq(delivery->body, body);
	cr_expect(broker_ack(broker, delivery->tag, &fixture_err));
	delivery_free(delivery);
}

Test(broker, topology_can_be_declared_again_and_again)
{
	struct broker_options options = fixture_options(0);

	for (int i = 0; i < 3; i++)
		cr_assert(broker_declare_topology(&options, &fixture_err), "%s",
			fixture_err.text);
}

Test(broker, published_messages_are_confirmed)
{
	struct broker *broker = fixture_open(0);
	struct message job = fixture_job("id", "{}");
	bool confirmed[4] = {false};

	for (uint64_t t = 1; t <= 3; t++)
		cr_expect_eq(fixture_publish(broker, &job), t);
	for (int i = 0; i < 3; i++) {
		struct confirm confirm = fixture_confirm(broker);

		cr_expect_eq(confirm.kind, CONFIRM_TAKEN);
		cr_assert(confirm.ticket >= 1 && confirm.ticket <= 3);
		cr_expect_not(confirmed[confirm.ticket]);
		confirmed[confirm.ticket] = true;
	}
	broker_close(broker);
}

Test(broker, a_mandatory_message_that_no_queue_takes_is_returned)
{
	struct broker *broker = fixture_open(0);
	struct message lost = fixture_job("lost", "{}");
	struct message event = fixture_job("event", "{}");
	enum confirm_kind kinds[7] = {0};
	struct message good = fixture_job("good", "{}");

	lost.routing_key = "no.such.key";
	event.exchange = BROKER_EVENTS;
	event.routing_key = "cluster.1.running";
	event.mandatory = false;
	fixture_publish(broker, &good);
	fixture_publish(broker, &lost);
	fixture_publish(broker, &event);
	fixture_publish(broker, &lost);
	lost.exchange = "";
	fixture_publish(broker, &lost);
	fixture_publish(broker, &good);
	for (int i = 0; i < 6; i++) {
		struct confirm confirm = fixture_confirm(broker);

		kinds[confirm.ticket] = confirm.kind;
	}
	cr_expect_eq(kinds[1], CONFIRM_TAKEN);
	cr_expect_eq(kinds[2], CONFIRM_RETURNED);
	cr_expect_eq(kinds[3], CONFIRM_TAKEN);
	cr_expect_eq(kinds[4], CONFIRM_RETURNED);
	cr_expect_eq(kinds[5], CONFIRM_RETURNED);
	cr_expect_eq(kinds[6], CONFIRM_TAKEN);
	broker_close(broker);
}

Test(broker, a_field_too_long_is_refused_without_harm)
{
	struct broker *broker = fixture_open(1);
	struct message job = fixture_job("id", "{}");
	char key[300];
	struct err err = {0};
	uint64_t ticket;

	memset(key, 'x', sizeof(key) - 1);
	key[sizeof(key) - 1] = 0;
	job.message_id = key;
	cr_expect_not(broker_publish(broker, &job, &ticket, &err));
	cr_expect_eq(err.kind, ERR_BUG);
	job.message_id = "id";
	cr_expect_eq(fixture_publish(broker, &job), 1);
	expect_confirm(broker, 1, CONFIRM_TAKEN);
	broker_close(broker);
}

Test(broker, a_body_too_large_is_refused_without_harm)
{
	struct broker *broker = fixture_open(0);
	struct message job = fixture_job("id", "{}");
	struct err err = {0};
	uint64_t ticket;

	job.body = memory_new(MESSAGE_BODY_MAX + 1);
	job.size = MESSAGE_BODY_MAX + 1;
	cr_expect_not(broker_publish(broker, &job, &ticket, &err));
	cr_expect_eq(err.kind, ERR_BUG);
	job.size = MESSAGE_BODY_MAX;
	cr_expect_eq(fixture_publish(broker, &job), 1);
	expect_confirm(broker, 1, CONFIRM_TAKEN);
	free((void *)job.body);
	broker_close(broker);
}

Test(broker, a_job_arrives_as_it_was_sent)
{
	const char *parent =
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	struct broker *broker = fixture_open(10);
	struct message job = fixture_job("an id", "{\"a\": 1}");

	job.traceparent = parent;
	fixture_publish(broker, &job);
	expect_confirm(broker, 1, CONFIRM_TAKEN);

	struct delivery *delivery = fixture_delivery(broker);

	cr_expect_eq(delivery->size, strlen("{\"a\": 1}"));
	cr_expect_str_eq(delivery->body, "{\"a\": 1}");
	cr_expect_str_eq(delivery->message_id, "an id");
	cr_expect_str_eq(delivery->traceparent, parent);
	cr_expect_eq(delivery->redeliveries, 0);
	cr_expect(broker_ack(broker, delivery->tag, &fixture_err));
	delivery_free(delivery);
	fixture_expect_no_delivery(broker, 200);
	broker_close(broker);
}

Test(broker, what_a_publisher_leaves_out_is_absent)
{
	struct broker *broker = fixture_open(10);
	struct message job = {
		.exchange = "", .routing_key = BROKER_JOBS, .body = ""};

	fixture_publish(broker, &job);

	struct delivery *delivery = fixture_delivery(broker);

	cr_expect_eq(delivery->size, 0);
	cr_expect_str_eq(delivery->body, "");
	cr_expect_null(delivery->message_id);
	cr_expect_null(delivery->traceparent);
	delivery_free(delivery);
	broker_close(broker);
}

Test(broker, every_natural_key_leads_to_the_job_queue)
{
	static const char *const keys[] = {BROKER_JOBS, "",
		"credential.validate", "credential.audit", "cluster.provision",
		"cluster.teardown", "cluster.refresh", "cluster.repair",
		"cluster.phase", "cluster.kubeconfig"};
	struct broker *broker = fixture_open(10);

	for (size_t i = 0; i < COUNT(keys); i++) {
		struct message job = fixture_job("id", keys[i]);

		job.routing_key = keys[i];
		fixture_publish(broker, &job);
		expect_confirm(broker, i + 1, CONFIRM_TAKEN);
		expect_delivery(broker, keys[i]);
	}
	broker_close(broker);
}

Test(broker, what_was_not_acknowledged_comes_again)
{
	struct broker *broker = fixture_open(10);
	struct message job = fixture_job("id", "job");

	fixture_publish(broker, &job);
	delivery_free(fixture_delivery(broker));
	broker_free(broker);

	broker = fixture_open(10);
	struct delivery *delivery = fixture_delivery(broker);

	cr_expect_eq(delivery->redeliveries, 1);
	cr_expect_str_eq(delivery->body, "job");
	delivery_free(delivery);
	broker_close(broker);
}

Test(broker, a_delivery_given_back_comes_again_at_once)
{
	struct broker *broker = fixture_open(1);
	struct message job = fixture_job("id", "job");

	fixture_publish(broker, &job);

	struct delivery *delivery = fixture_delivery(broker);

	cr_expect(broker_return(broker, delivery->tag, &fixture_err));
	delivery_free(delivery);
	delivery = fixture_delivery(broker);
	cr_expect_eq(delivery->redeliveries, 1);
	delivery_free(delivery);
	broker_close(broker);
}

Test(broker, a_job_delivered_too_often_is_dead)
{
	struct broker *broker = fixture_open(1);
	struct broker_console *console = fixture_console();
	struct message job = fixture_job("id", "poison");
	struct letter *letter = NULL;
	int delay_ms;

	/* Its wait is a kind of death, too, but not the one to be shown. */
	job.exchange = "";
	job.routing_key = broker_wait_queue(0, &delay_ms);
	fixture_publish(broker, &job);
	for (int i = 0; i < 21; i++) {
		struct delivery *delivery = fixture_delivery(broker);

		cr_expect(broker_return(broker, delivery->tag, &fixture_err));
		delivery_free(delivery);
	}
	fixture_expect_no_delivery(broker, 500);
	cr_assert(broker_console_look(
		console, BROKER_DEAD, &letter, &fixture_err));
	cr_assert(letter);
	cr_expect_str_eq(letter->delivery.body, "poison");
	cr_expect_str_eq(letter->reason_code, "delivery_limit");
	letter_free(letter);
	broker_console_free(console);
	broker_close(broker);
}

Test(broker, no_more_are_in_the_air_than_the_prefetch)
{
	struct broker *broker = fixture_open(2);
	struct message job = fixture_job("id", "job");

	for (int i = 0; i < 5; i++)
		fixture_publish(broker, &job);

	struct delivery *first = fixture_delivery(broker);
	struct delivery *second = fixture_delivery(broker);

	fixture_expect_no_delivery(broker, 300);
	cr_expect(broker_ack(broker, first->tag, &fixture_err));
	delivery_free(first);
	delivery_free(fixture_delivery(broker));
	fixture_expect_no_delivery(broker, 300);
	delivery_free(second);
	broker_close(broker);
}

Test(broker, a_wait_queue_brings_a_job_back_after_its_delay)
{
	struct broker *broker = fixture_open(1);
	struct message job = fixture_job("id", "later");
	int delay_ms = 0;

	job.exchange = "";
	job.routing_key = broker_wait_queue(400, &delay_ms);
	job.traceparent = "00-trace";
	fixture_publish(broker, &job);
	expect_confirm(broker, 1, CONFIRM_TAKEN);

	int64_t sent_ms = fixture_now_ms();
	struct delivery *delivery = fixture_delivery(broker);
	int64_t waited_ms = fixture_now_ms() - sent_ms;

	cr_expect_str_eq(delivery->body, "later");
	cr_expect_str_eq(delivery->message_id, "id");
	cr_expect_str_eq(delivery->traceparent, "00-trace");
	cr_expect_geq(waited_ms, delay_ms - 100);
	cr_expect_leq(waited_ms, delay_ms + 3000);
	cr_log_info("%d ms took %d ms", delay_ms, (int)waited_ms);
	delivery_free(delivery);
	broker_close(broker);
}

Test(broker, consuming_can_be_stopped)
{
	struct broker *broker = fixture_open(10);
	struct message job = fixture_job("id", "job");

	fixture_publish(broker, &job);

	struct delivery *delivery = fixture_delivery(broker);

	cr_assert(broker_stop_consuming(broker, &fixture_err));
	cr_assert(broker_stop_consuming(broker, &fixture_err));
	fixture_expect_no_delivery(broker, 200);
	fixture_publish(broker, &job);
	fixture_expect_no_delivery(broker, 300);
	cr_expect(broker_ack(broker, delivery->tag, &fixture_err));
	delivery_free(delivery);
	fixture_expect_no_delivery(broker, 100);
	broker_close(broker);

	broker = fixture_open(10);
	delivery = fixture_delivery(broker);
	cr_expect_eq(delivery->redeliveries, 0);
	cr_expect(broker_ack(broker, delivery->tag, &fixture_err));
	delivery_free(delivery);
	fixture_expect_no_delivery(broker, 200);
	broker_close(broker);
}

static void expect_large(struct broker *broker, size_t size, bool kept)
{
	char *body = memory_new(size + 1);

	memset(body, 'x', size);
	fixture_publish_large(BROKER_JOBS, body, size);

	struct delivery *delivery = fixture_delivery(broker);

	cr_expect_eq(delivery->size, size);
	cr_expect_str_eq(delivery->body, kept ? body : "");
	cr_expect_str_eq(delivery->message_id, "id");
	cr_expect(broker_ack(broker, delivery->tag, &fixture_err));
	delivery_free(delivery);
	free(body);
}

Test(broker, a_body_that_is_too_large_is_not_kept)
{
	struct broker *broker = fixture_open(10);
	struct message job = fixture_job("id", "small");

	expect_large(broker, 131064, true);
	expect_large(broker, MESSAGE_BODY_MAX, true);
	expect_large(broker, MESSAGE_BODY_MAX + 1, false);
	expect_large(broker, 20 * 1024 * 1024, false);
	fixture_publish(broker, &job);
	expect_delivery(broker, "small");
	broker_close(broker);
}

static int64_t backlog_of(struct broker *broker)
{
	int64_t deadline = fixture_now_ms() + 10000;

	cr_assert(broker_ask_backlog(broker, &fixture_err));
	while (broker_backlog(broker) < 0) {
		cr_assert(fixture_now_ms() < deadline, "no answer");
		fixture_expect_no_delivery(broker, 20);
	}
	return broker_backlog(broker);
}

Test(broker, tells_how_many_jobs_are_ready)
{
	struct broker *publisher = fixture_open(0);
	struct broker *broker = fixture_open(1);
	struct message job = fixture_job("id", "job");

	for (int i = 0; i < 4; i++)
		fixture_publish(publisher, &job);
	for (int i = 0; i < 4; i++)
		fixture_confirm(publisher);
	delivery_free(fixture_delivery(broker));
	cr_expect_eq(broker_backlog(broker), -1);
	cr_expect_eq(backlog_of(broker), 3);
	cr_expect(broker_ask_backlog(publisher, &fixture_err));
	cr_expect_eq(broker_backlog(publisher), -1);
	broker_close(broker);
	broker_close(publisher);
}
