/*
 * The operator's console: one connection on which every request waits for its
 * answer. Messages are looked at with basic.get and kept unacknowledged, so
 * that closing the connection puts them back.
 */
#include "broker/connection.h"
#include <byoc/memory.h>
#include <byoc/model.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MS 10000
/* RabbitMQ's own limit: requeueing must not lose a body. */
#define BODY_LIMIT (512 * 1024 * 1024)

struct broker_console {
	struct connection *connection;
};

static bool ask_for_confirms(struct connection *connection, struct err *err)
{
	amqp_confirm_select(connection->state, CHANNEL);
	return connection_agreed(connection, "ask for confirms", err);
}

struct broker_console *broker_console_open(
	const struct broker_options *options, struct err *err)
{
	struct connection *connection =
		connection_open(options, "console", 0, err);

	if (!connection || !ask_for_confirms(connection, err)) {
		connection_close(connection, 0);
		return NULL;
	}
	struct broker_console *console = memory_new(sizeof(*console));

	connection->body_limit = BODY_LIMIT;
	console->connection = connection;
	return console;
}

void broker_console_free(struct broker_console *console)
{
	if (!console)
		return;
	connection_close(console->connection, 0);
	free(console);
}

int broker_console_socket(const struct broker_console *console)
{
	return amqp_get_sockfd(console->connection->state);
}

/* The broker closes the channel with each no; the next request needs one. */
static void recover_channel(struct connection *connection)
{
	struct err ignored = {0};

	(void)(connection_reopen_channel(connection, &ignored) &&
		ask_for_confirms(connection, &ignored));
}

bool broker_console_count(struct broker_console *console, const char *queue,
	struct queue_count *count, struct err *err)
{
	struct connection *connection = console->connection;
	char doing[300];
	amqp_queue_declare_ok_t *found = amqp_queue_declare(connection->state,
		CHANNEL, amqp_cstring_bytes(queue), true, false, false, false,
		amqp_empty_table);

	snprintf(doing, sizeof(doing), "count queue '%.255s'", queue);
	if (!connection_agreed(connection, doing, err)) {
		if (err->kind == ERR_REFUSED)
			recover_channel(connection);
		return false;
	}
	count->messages = found->message_count;
	count->consumers = found->consumer_count;
	amqp_maybe_release_buffers(connection->state);
	return true;
}

/* Waits until something has arrived; nothing within the time is a failure. */
static bool await(
	struct connection *connection, struct arrival *arrival, struct err *err)
{
	if (!connection_next(connection, ANSWER_MS, arrival, err))
		return false;
	if (arrival->kind != ARRIVAL_NONE)
		return true;
	return err_set(err, ERR_RETRY, "broker_lost",
		"the broker at %s does not answer%s", connection->peer,
		connection->blocked ? ": it has raised an alarm (memory or "
				      "disk) and takes no messages"
				    : "");
}

bool broker_console_look(struct broker_console *console, const char *queue,
	struct letter **letter, struct err *err)
{
	struct connection *connection = console->connection;
	amqp_basic_get_t get = {.queue = amqp_cstring_bytes(queue)};
	struct arrival arrival;

	*letter = NULL;
	if (!connection_sent(connection,
		    amqp_send_method(connection->state, CHANNEL,
			    AMQP_BASIC_GET_METHOD, &get),
		    err))
		return false;
	do {
		if (!await(connection, &arrival, err))
			return false;
		if (arrival.kind == ARRIVAL_GOT)
			*letter = arrival.letter;
		else
			letter_free(arrival.letter);
	} while (arrival.kind != ARRIVAL_GOT && arrival.kind != ARRIVAL_EMPTY);
	return true;
}

bool broker_console_drop(struct broker_console *console,
	const struct letter *letter, struct err *err)
{
	struct connection *connection = console->connection;

	return connection_sent(connection,
		amqp_basic_ack(connection->state, CHANNEL, letter->delivery.tag,
			false),
		err);
}

/* The answer to the only message that is published and not answered. */
static bool await_confirm(struct connection *connection, struct err *err)
{
	struct arrival arrival;
	bool returned = false;

	do {
		if (!await(connection, &arrival, err))
			return false;
		letter_free(arrival.letter);
		returned = returned || arrival.kind == ARRIVAL_RETURNED;
	} while (arrival.kind != ARRIVAL_ACKED &&
		 arrival.kind != ARRIVAL_NACKED);
	if (returned)
		return err_set(err, ERR_REFUSED, "not_found",
			"no queue takes jobs at the broker at %s; declare it "
			"with `byoc topology`",
			connection->peer);
	if (arrival.kind == ARRIVAL_NACKED)
		return err_set(err, ERR_RETRY, "broker_full",
			"the broker at %s did not take the message",
			connection->peer);
	return true;
}

bool broker_console_requeue(struct broker_console *console,
	const struct letter *letter, struct err *err)
{
	const struct message message = {
		.exchange = BROKER_JOBS,
		.routing_key = BROKER_JOBS,
		.body = letter->delivery.body,
		.size = letter->delivery.size,
		.message_id = letter->delivery.message_id,
		.type = letter->type,
		.content_type = letter->content_type,
		.traceparent = letter->delivery.traceparent,
		.mandatory = true,
	};

	if (message.size > BODY_LIMIT)
		return err_set(err, ERR_BAD_INPUT, "message_size",
			"a message of %zu bytes cannot be requeued",
			message.size);
	return connection_publish(console->connection, &message, err) &&
	       await_confirm(console->connection, err) &&
	       broker_console_drop(console, letter, err);
}

bool broker_console_watch(
	struct broker_console *console, const char *pattern, struct err *err)
{
	/* A name that an operator may give: not one that the broker makes. */
	static const char prefix[] = "byoc.watch.";
	struct connection *connection = console->connection;
	char name[sizeof(prefix) + UUID_SIZE];
	char uuid[UUID_SIZE];

	uuid_make(uuid);
	snprintf(name, sizeof(name), "%s%s", prefix, uuid);
	amqp_queue_declare(connection->state, CHANNEL, amqp_cstring_bytes(name),
		false, false, true, true, amqp_empty_table);
	if (!connection_agreed(connection, "declare a queue of our own", err))
		return false;
	amqp_queue_bind(connection->state, CHANNEL, amqp_cstring_bytes(name),
		amqp_cstring_bytes(BROKER_EVENTS), amqp_cstring_bytes(pattern),
		amqp_empty_table);
	if (!connection_agreed(connection,
		    "bind our queue to exchange '" BROKER_EVENTS "'", err))
		return false;
	amqp_basic_consume(connection->state, CHANNEL, amqp_cstring_bytes(name),
		amqp_empty_bytes, false, true, true, amqp_empty_table);
	return connection_agreed(connection, "consume events", err);
}

bool broker_console_consume(
	struct broker_console *console, const char *queue, struct err *err)
{
	struct connection *connection = console->connection;

	amqp_basic_consume(connection->state, CHANNEL,
		amqp_cstring_bytes(queue), amqp_empty_bytes, false, true, false,
		amqp_empty_table);
	return connection_agreed(connection, "consume events", err);
}

bool broker_console_event(struct broker_console *console, int timeout_ms,
	struct letter **event, struct err *err)
{
	struct arrival arrival;

	if (!connection_next(console->connection, timeout_ms, &arrival, err))
		return false;
	*event = arrival.letter;
	return true;
}
