#include "broker_fixture.h"

#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_MS 10000

struct err fixture_err;

static struct secret url;

int64_t fixture_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void fixture_sleep_ms(int ms)
{
	poll(NULL, 0, ms);
}

static const char *needed(const char *name)
{
	const char *value = getenv(name);

	cr_assert(value, "%s is not set: run with `rabbitmq.sh with`", name);
	return value;
}

struct broker_options fixture_options(int prefetch)
{
	const char *text = needed("AMQP_URL");

	cr_assert(sodium_init() >= 0);
	if (!url.bytes)
		secret_set(&url, text, strlen(text));
	return (struct broker_options){
		.url = &url,
		.name = "test",
		.prefetch = prefetch,
	};
}

struct broker *fixture_open(int prefetch)
{
	struct broker_options options = fixture_options(prefetch);
	struct broker *broker = broker_open(&options, &fixture_err);

	cr_assert(broker, "%s: %s", fixture_err.code, fixture_err.text);
	return broker;
}

struct broker_console *fixture_console(void)
{
	struct broker_options options = fixture_options(0);
	struct broker_console *console =
		broker_console_open(&options, &fixture_err);

	cr_assert(console, "%s: %s", fixture_err.code, fixture_err.text);
	return console;
}

void fixture_rabbitmq(const char *verb, const char *rest)
{
	char command[1024];

	snprintf(command, sizeof(command), "%s %s %s %s >/dev/null",
		RABBITMQ_SCRIPT, verb, needed("RABBITMQ_DIR"), rest);
	cr_assert_eq(system(command), 0, "%s", command);
}

amqp_connection_state_t fixture_client(const char *vhost)
{
	char *text = memory_copy_text(needed("AMQP_URL"));
	struct amqp_connection_info info;
	amqp_connection_state_t client = amqp_new_connection();

	cr_assert_eq(amqp_parse_url(text, &info), AMQP_STATUS_OK);
	cr_assert_eq(amqp_socket_open(
			     amqp_tcp_socket_new(client), info.host, info.port),
		AMQP_STATUS_OK);
	cr_assert_eq(
		amqp_login(client, vhost ? vhost : info.vhost, 0, 131072, 0,
			AMQP_SASL_METHOD_PLAIN, info.user, info.password)
			.reply_type,
		AMQP_RESPONSE_NORMAL);
	amqp_channel_open(client, 1);
	cr_assert_eq(
		amqp_get_rpc_reply(client).reply_type, AMQP_RESPONSE_NORMAL);
	free(text);
	return client;
}

void fixture_client_close(amqp_connection_state_t client)
{
	amqp_connection_close(client, AMQP_REPLY_SUCCESS);
	amqp_destroy_connection(client);
}

/* The queue's consumers are gone, and with them all that is unacknowledged. */
static void empty_queue(amqp_connection_state_t client, const char *name)
{
	amqp_bytes_t queue = amqp_cstring_bytes(name);
	const amqp_queue_declare_ok_t *found;

	while ((found = amqp_queue_declare(client, 1, queue, true, false, false,
			false, amqp_empty_table)) &&
		found->consumer_count > 0)
		fixture_sleep_ms(20);
	amqp_queue_purge(client, 1, queue);
	cr_assert_eq(amqp_get_rpc_reply(client).reply_type,
		AMQP_RESPONSE_NORMAL, "%s", name);
}

void fixture_clean(void)
{
	static const int delays[] = {250, 500, 1000, 2000, 5000, 15000, 60000};
	struct broker_options options = fixture_options(0);
	amqp_connection_state_t client = fixture_client(NULL);

	cr_assert(broker_declare_topology(&options, &fixture_err), "%s: %s",
		fixture_err.code, fixture_err.text);
	fixture_sleep_ms(50);
	for (size_t i = 0; i < COUNT(delays); i++) {
		int actual_ms;

		empty_queue(client, broker_wait_queue(delays[i], &actual_ms));
	}
	empty_queue(client, BROKER_JOBS);
	empty_queue(client, BROKER_SUSPECTS);
	empty_queue(client, BROKER_DEAD);
	fixture_client_close(client);
}

void fixture_url(char text[256], const char *user, const char *vhost)
{
	const char *host = strchr(needed("AMQP_URL"), '@') + 1;

	snprintf(text, 256, "amqp://%s@%.*s/%s", user, (int)strcspn(host, "/"),
		host, vhost);
}

struct message fixture_job(const char *message_id, const char *body)
{
	return (struct message){
		.exchange = BROKER_JOBS,
		.routing_key = BROKER_JOBS,
		.body = body,
		.size = strlen(body),
		.message_id = message_id,
		.type = "cluster.phase",
		.content_type = "application/json",
		.mandatory = true,
	};
}

uint64_t fixture_publish(struct broker *broker, const struct message *message)
{
	uint64_t ticket = 0;

	cr_assert(broker_publish(broker, message, &ticket, &fixture_err), "%s",
		fixture_err.text);
	return ticket;
}

void fixture_publish_large(const char *queue, const char *body, size_t size)
{
	amqp_connection_state_t client = fixture_client(NULL);
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_MESSAGE_ID_FLAG,
		.message_id = amqp_cstring_bytes("id"),
	};
	amqp_bytes_t bytes = {size, (void *)body};
	amqp_frame_t frame;

	amqp_confirm_select(client, 1);
	cr_assert_eq(
		amqp_get_rpc_reply(client).reply_type, AMQP_RESPONSE_NORMAL);
	cr_assert_eq(amqp_basic_publish(client, 1, amqp_empty_bytes,
			     amqp_cstring_bytes(queue), false, false,
			     &properties, bytes),
		AMQP_STATUS_OK);
	cr_assert_eq(amqp_simple_wait_frame(client, &frame), AMQP_STATUS_OK);
	cr_assert_eq(frame.payload.method.id, AMQP_BASIC_ACK_METHOD);
	fixture_client_close(client);
}

static void sleep_on(struct broker *broker, int ms)
{
	int sockets[2];

	broker_sockets(broker, sockets);
	struct pollfd fds[] = {
		{.fd = sockets[0], .events = POLLIN},
		{.fd = sockets[1], .events = POLLIN},
	};

	poll(fds, 2, ms);
}

static void turn(struct broker *broker)
{
	cr_assert(broker_turn(broker, &fixture_err), "%s: %s", fixture_err.code,
		fixture_err.text);
}

struct delivery *fixture_delivery(struct broker *broker)
{
	int64_t deadline = fixture_now_ms() + PATIENCE_MS;
	struct delivery *delivery;

	turn(broker);
	while (!(delivery = broker_next_delivery(broker))) {
		cr_assert(fixture_now_ms() < deadline, "no delivery");
		sleep_on(broker, 100);
		turn(broker);
	}
	return delivery;
}

struct confirm fixture_confirm(struct broker *broker)
{
	int64_t deadline = fixture_now_ms() + PATIENCE_MS;
	struct confirm confirm;

	while (!broker_next_confirm(broker, &confirm)) {
		cr_assert(fixture_now_ms() < deadline, "no confirm");
		sleep_on(broker, 100);
		turn(broker);
	}
	return confirm;
}

void fixture_expect_no_delivery(struct broker *broker, int wait_ms)
{
	int64_t deadline = fixture_now_ms() + wait_ms;

	while (fixture_now_ms() < deadline) {
		turn(broker);
		cr_assert_null(broker_next_delivery(broker));
		sleep_on(broker, 50);
	}
}

struct err fixture_failure(struct broker *broker)
{
	int64_t deadline = fixture_now_ms() + PATIENCE_MS;
	struct err err = {0};

	while (broker_turn(broker, &err)) {
		cr_assert(fixture_now_ms() < deadline, "nothing failed");
		sleep_on(broker, 50);
	}
	return err;
}
