/*
 * When RabbitMQ is away, says no, restarts, loses a queue or raises an alarm;
 * and how fast it goes when nothing is wrong.
 */
#include "broker_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(broker_failures, .init = fixture_clean, .timeout = 90);

/* What opening with this URL fails with; the password never shows. */
static struct err failure_of(const char *text)
{
	struct broker_options options = fixture_options(1);
	struct secret url = {0};
	struct err err = {0};

	secret_set(&url, text, strlen(text));
	options.url = &url;
	cr_expect_null(broker_open(&options, &err));
	secret_clear(&url);
	cr_expect_null(strstr(err.text, "geheim"), "%s", err.text);
	cr_log_info("%s", err.text);
	return err;
}

static struct err failure_as(const char *user, const char *vhost)
{
	char text[256];

	fixture_url(text, user, vhost);
	return failure_of(text);
}

/* A client in a vhost of its own, where something is in our way. */
static amqp_connection_state_t client_in(const char *vhost)
{
	char command[128];

	snprintf(command, sizeof(command), "add_vhost %s", vhost);
	fixture_rabbitmq("ctl", command);
	snprintf(command, sizeof(command),
		"set_permissions -p %s guest '.*' '.*' '.*'", vhost);
	fixture_rabbitmq("ctl", command);
	return fixture_client(vhost);
}

Test(broker_failures, a_queue_with_other_arguments_is_named)
{
	amqp_connection_state_t client = client_in("other-queue");

	amqp_queue_declare(client, 1, amqp_cstring_bytes("byoc.jobs.wait.1000"),
		false, true, false, false, amqp_empty_table);
	fixture_client_close(client);

	struct err err = failure_as("guest:guest", "other-queue");

	cr_expect_eq(err.kind, ERR_REFUSED);
	cr_expect_str_eq(err.code, "topology_conflict");
	cr_expect(strstr(err.text, "queue 'byoc.jobs.wait.1000'"));
	cr_expect(strstr(err.text, "inequivalent arg"));
	cr_expect(strstr(err.text, "delete it"));
}

Test(broker_failures, an_exchange_of_another_type_is_named)
{
	amqp_connection_state_t client = client_in("other-exchange");

	amqp_exchange_declare(client, 1, amqp_cstring_bytes(BROKER_EVENTS),
		amqp_cstring_bytes("fanout"), false, true, false, false,
		amqp_empty_table);
	fixture_client_close(client);

	struct err err = failure_as("guest:guest", "other-exchange");

	cr_expect_eq(err.kind, ERR_REFUSED);
	cr_expect_str_eq(err.code, "topology_conflict");
	cr_expect(strstr(err.text, "exchange 'byoc.events'"));
}

Test(broker_failures, nobody_listens)
{
	struct err err = failure_of("amqp://guest:geheim@127.0.0.1:1/%2f");

	cr_expect_eq(err.kind, ERR_RETRY);
	cr_expect_str_eq(err.code, "broker_unreachable");
	cr_expect(strstr(err.text, "127.0.0.1:1: Connection refused"));
}

Test(broker_failures, the_host_is_not_known)
{
	struct err err =
		failure_of("amqp://guest:geheim@nowhere.invalid:5672/%2f");

	cr_expect_eq(err.kind, ERR_RETRY);
	cr_expect(strstr(err.text, "name is not known"));
}

Test(broker_failures, the_url_makes_no_sense)
{
	cr_expect_eq(failure_of("http://geheim@host").kind, ERR_BAD_INPUT);
	cr_expect_eq(failure_of("").kind, ERR_BAD_INPUT);
	cr_expect_eq(
		failure_of("amqp://u:geheim@h:99999/").kind, ERR_BAD_INPUT);
}

Test(broker_failures, the_password_is_wrong)
{
	struct err err = failure_as("guest:geheim", "%2f");

	cr_expect_eq(err.kind, ERR_REFUSED);
	cr_expect_str_eq(err.code, "access_refused");
	cr_expect(strstr(err.text, "user 'guest' on vhost '/'"));
}

Test(broker_failures, the_vhost_does_not_exist)
{
	struct err err = failure_as("guest:guest", "nowhere");

	cr_expect_eq(err.kind, ERR_REFUSED);
	cr_expect_str_eq(err.code, "access_refused");
	cr_expect(strstr(err.text, "vhost 'nowhere'"));
}

Test(broker_failures, the_user_may_not_declare)
{
	fixture_rabbitmq("ctl", "add_user reader geheim");
	fixture_rabbitmq("ctl", "set_permissions reader '^$' '.*' '.*'");

	struct err err = failure_as("reader:geheim", "%2f");

	cr_expect_eq(err.kind, ERR_REFUSED);
	cr_expect_str_eq(err.code, "access_refused");
	cr_expect(strstr(err.text, "declare exchange 'byoc.jobs'"));
	fixture_rabbitmq("ctl", "delete_user reader");
}

Test(broker_failures, a_deleted_queue_is_noticed_and_made_anew)
{
	struct broker *broker = fixture_open(5);
	amqp_connection_state_t client = fixture_client(NULL);

	amqp_queue_delete(
		client, 1, amqp_cstring_bytes(BROKER_JOBS), false, false);
	fixture_client_close(client);

	struct err err = fixture_failure(broker);

	cr_expect_eq(err.kind, ERR_RETRY);
	cr_expect(strstr(err.text, "queue is gone"), "%s", err.text);
	broker_close(broker);

	broker = fixture_open(5);
	struct message job = fixture_job("id", "job");

	fixture_publish(broker, &job);
	delivery_free(fixture_delivery(broker));
	broker_close(broker);
}

Test(broker_failures, a_deleted_exchange_is_noticed)
{
	struct broker *broker = fixture_open(0);
	amqp_connection_state_t client = fixture_client(NULL);
	struct message event = fixture_job("id", "event");

	amqp_exchange_delete(
		client, 1, amqp_cstring_bytes(BROKER_EVENTS), false);
	fixture_client_close(client);
	event.exchange = BROKER_EVENTS;
	fixture_publish(broker, &event);

	struct err err = fixture_failure(broker);

	cr_expect_eq(err.kind, ERR_RETRY);
	cr_expect(strstr(err.text, "NOT_FOUND"), "%s", err.text);
	broker_close(broker);
}

Test(broker_failures, acknowledging_twice_is_noticed)
{
	struct broker *broker = fixture_open(5);
	struct message job = fixture_job("id", "job");

	fixture_publish(broker, &job);

	struct delivery *delivery = fixture_delivery(broker);

	cr_expect(broker_ack(broker, delivery->tag, &fixture_err));
	cr_expect(broker_ack(broker, delivery->tag, &fixture_err));
	delivery_free(delivery);
	cr_expect_eq(fixture_failure(broker).kind, ERR_RETRY);
	broker_close(broker);
}

Test(broker_failures, a_restart_loses_nothing)
{
	struct broker *broker = fixture_open(5);
	struct message job = fixture_job("id", "job");

	fixture_publish(broker, &job);
	fixture_confirm(broker);
	delivery_free(fixture_delivery(broker));
	fixture_rabbitmq("restart", "");

	struct err err = fixture_failure(broker);

	cr_expect_eq(err.kind, ERR_RETRY);
	cr_log_info("%s", err.text);
	/* A broken one goes on failing, and does not crash. */
	cr_expect_not(broker_turn(broker, &err));
	cr_expect_not(broker_ack(broker, 1, &err));
	broker_close(broker);

	broker = fixture_open(5);
	struct delivery *delivery = fixture_delivery(broker);

	cr_expect_eq(delivery->redeliveries, 1);
	cr_expect_str_eq(delivery->body, "job");
	delivery_free(delivery);
	broker_close(broker);
}

static void turn_until_open(struct broker *broker, bool open)
{
	int64_t deadline = fixture_now_ms() + 30000;

	while (broker_can_publish(broker) != open) {
		cr_assert(fixture_now_ms() < deadline);
		cr_assert(broker_turn(broker, &fixture_err), "%s",
			fixture_err.text);
		fixture_sleep_ms(20);
	}
}

Test(broker_failures, an_alarm_blocks_publishing_and_not_consuming)
{
	struct broker *broker = fixture_open(1);
	struct message job = fixture_job("id", "job");
	uint64_t ticket = 0;

	fixture_publish(broker, &job);
	fixture_publish(broker, &job);
	fixture_confirm(broker);
	fixture_confirm(broker);
	cr_expect(broker_can_publish(broker));
	fixture_rabbitmq("ctl", "set_vm_memory_high_watermark absolute 1MB");
	cr_expect(broker_publish(broker, &job, &ticket, &fixture_err));
	turn_until_open(broker, false);
	for (int i = 0; i < 2; i++) {
		struct delivery *delivery = fixture_delivery(broker);

		cr_expect(broker_ack(broker, delivery->tag, &fixture_err));
		delivery_free(delivery);
	}
	fixture_rabbitmq("ctl", "set_vm_memory_high_watermark 0.4");
	turn_until_open(broker, true);
	cr_expect_eq(fixture_confirm(broker).ticket, ticket);
	broker_close(broker);
}

/* Publishes and consumes at once, as the worker does; prints the rate. */
Test(broker_failures, thousands_of_messages)
{
	const int count = 20000;
	const int window = 1000;
	struct broker *broker = fixture_open(256);
	struct message job = fixture_job("0b0c7dd8-6a5e-4c1a-9a0e-1f2f3c4d5e6f",
		"{\"type\": \"a job\"}");
	int64_t began_ms = fixture_now_ms();
	int sent = 0;
	int confirmed = 0;
	int received = 0;

	while (received < count || confirmed < count) {
		struct confirm confirm;
		struct delivery *delivery;

		while (sent < count && sent - confirmed < window) {
			fixture_publish(broker, &job);
			sent++;
		}
		cr_assert(broker_turn(broker, &fixture_err), "%s",
			fixture_err.text);
		while (broker_next_confirm(broker, &confirm))
			confirmed++;
		while ((delivery = broker_next_delivery(broker))) {
			cr_assert(broker_ack(
				broker, delivery->tag, &fixture_err));
			delivery_free(delivery);
			received++;
		}
	}

	int64_t took_ms = fixture_now_ms() - began_ms;

	cr_log_info("published, confirmed, delivered and acknowledged: "
		    "%d messages/s",
		(int)(count * 1000 / (took_ms ? took_ms : 1)));
	broker_close(broker);
}
