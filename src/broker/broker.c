/*
 * Both connections together: the one that consumes hands out deliveries, the
 * one that publishes hands out confirms. Nothing is waited for after opening:
 * a turn takes in what is there, and requests such as cancelling a consumer
 * are sent without waiting for the answer.
 *
 * The library waits in a write while the socket is full. So publishing is told
 * to leave half of it free, which the largest message fits into, and what is
 * small finds room in the rest: heartbeats always, what we send on the
 * connection that consumes only while the broker reads it.
 */
#include "acks.h"
#include "connection.h"
#include "window.h"
#include <byoc/clock.h>
#include <byoc/memory.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define JOBS_TAG "byoc-jobs"
#define SUSPECTS_TAG "byoc-suspects"
#define PREFETCH_LIMIT 65535 /* the protocol's */
#define SUSPECTS_PREFETCH 1  /* only its own crashes count */
#define OPEN_MS 30000
#define CLOSE_MS 2000
#define PUBLISH_LOAD 50 /* hundredths of the socket's room */
#define REQUEST_LOAD 80

struct broker {
	struct connection *consumer; /* NULL: publishes only */
	struct connection *publisher;
	struct window window;
	/* Deliveries nobody has taken yet, in a ring with room for all. */
	struct letter **letters;
	size_t room;
	uint64_t arrived;
	uint64_t taken;
	struct acks acks;
	bool held; /* acks wait to be let go */
	bool cancelled;
	int64_t backlog; /* ready messages in the job queue; -1: not known */
};

static bool open_publisher(struct broker *broker,
	const struct broker_options *options, int64_t open_by_ms,
	struct err *err)
{
	broker->publisher =
		connection_open(options, "publisher", open_by_ms, err);
	if (!broker->publisher || !topology_declare(broker->publisher, err))
		return false;
	amqp_confirm_select(broker->publisher->state, CHANNEL);
	return connection_agreed(broker->publisher, "ask for confirms", err);
}

/* RabbitMQ applies a prefetch to each consumer that begins after it was set. */
static bool consume(struct connection *connection, const char *queue,
	const char *tag, uint16_t prefetch, struct err *err)
{
	char doing[80];

	amqp_basic_qos(connection->state, CHANNEL, 0, prefetch, false);
	if (!connection_agreed(connection, "set the prefetch", err))
		return false;
	snprintf(doing, sizeof(doing), "consume from queue '%s'", queue);
	amqp_basic_consume(connection->state, CHANNEL,
		amqp_cstring_bytes(queue), amqp_cstring_bytes(tag), false,
		false, false, amqp_empty_table);
	return connection_agreed(connection, doing, err);
}

static bool open_consumer(struct broker *broker,
	const struct broker_options *options, int64_t open_by_ms,
	struct err *err)
{
	uint16_t prefetch = options->prefetch < PREFETCH_LIMIT
				    ? (uint16_t)options->prefetch
				    : PREFETCH_LIMIT;

	broker->consumer =
		connection_open(options, "consumer", open_by_ms, err);
	if (!broker->consumer)
		return false;
	broker->room = prefetch + SUSPECTS_PREFETCH;
	broker->letters = memory_new(broker->room * sizeof(struct letter *));
	acks_init(&broker->acks, broker->room);
	return consume(broker->consumer, BROKER_JOBS, JOBS_TAG, prefetch,
		       err) &&
	       consume(broker->consumer, BROKER_SUSPECTS, SUSPECTS_TAG,
		       SUSPECTS_PREFETCH, err);
}

struct broker *broker_open(
	const struct broker_options *options, struct err *err)
{
	struct broker *broker = memory_new(sizeof(*broker));
	int64_t open_by_ms = clock_now_ms() + OPEN_MS;

	broker->backlog = -1;
	window_init(&broker->window);
	if (open_publisher(broker, options, open_by_ms, err) &&
		(options->prefetch <= 0 ||
			open_consumer(broker, options, open_by_ms, err)))
		return broker;
	broker_free(broker);
	return NULL;
}

void broker_free(struct broker *broker)
{
	struct delivery *delivery;

	if (!broker)
		return;
	while ((delivery = broker_next_delivery(broker)))
		delivery_free(delivery);
	connection_free(broker->consumer);
	connection_free(broker->publisher);
	window_clear(&broker->window);
	acks_clear(&broker->acks);
	free(broker->letters);
	free(broker);
}

void broker_close(struct broker *broker)
{
	int64_t until_ms = clock_now_ms() + CLOSE_MS;

	if (!broker)
		return;
	connection_close(broker->consumer, until_ms);
	connection_close(broker->publisher, until_ms);
	broker->consumer = NULL;
	broker->publisher = NULL;
	broker_free(broker);
}

bool broker_declare_topology(
	const struct broker_options *options, struct err *err)
{
	struct connection *connection =
		connection_open(options, "topology", 0, err);
	bool declared = connection && topology_declare(connection, err);

	connection_close(connection, 0);
	return declared;
}

bool broker_declare_consumer(const struct broker_options *options,
	const struct consumer *consumer, struct err *err)
{
	struct connection *connection =
		connection_open(options, "topology", 0, err);
	bool declared = connection && topology_declare(connection, err) &&
			topology_declare_consumer(connection, consumer, err);

	connection_close(connection, 0);
	return declared;
}

void broker_sockets(const struct broker *broker, int sockets[2])
{
	sockets[0] = broker->consumer ? amqp_get_sockfd(broker->consumer->state)
				      : -1;
	sockets[1] = amqp_get_sockfd(broker->publisher->state);
}

/* Where it cannot be had, all goes out as it is written. */
static void cork(const struct broker *broker, int on)
{
	int sockets[2];

	broker_sockets(broker, sockets);
	for (size_t i = 0; i < COUNT(sockets); i++)
		if (sockets[i] >= 0)
			(void)setsockopt(sockets[i], IPPROTO_TCP, TCP_CORK, &on,
				sizeof on);
}

static bool unexpected(
	struct connection *connection, const char *what, struct err *err)
{
	connection->usable = false;
	return err_set(err, ERR_RETRY, "broker_protocol",
		"the broker at %s sent %s that was not expected",
		connection->peer, what);
}

/* One that nobody has taken is out as well: the ring has room where these do.
 */
static bool keep_delivery(
	struct broker *broker, struct letter *letter, struct err *err)
{
	if (!acks_add(&broker->acks, letter->delivery.tag)) {
		letter_free(letter);
		return unexpected(broker->consumer, "a delivery", err);
	}
	broker->letters[broker->arrived++ % broker->room] = letter;
	return true;
}

static bool note_return(
	struct broker *broker, struct letter *letter, struct err *err)
{
	bool known = window_return(&broker->window,
		window_address(letter->exchange, letter->routing_key,
			letter->delivery.message_id));

	letter_free(letter);
	return known || unexpected(broker->publisher, "a message back", err);
}

static bool note_answer(struct broker *broker, const struct arrival *arrival,
	enum confirm_kind kind, struct err *err)
{
	return window_answer(&broker->window, arrival->tag, arrival->multiple,
		       kind) ||
	       unexpected(broker->publisher, "a confirm", err);
}

static bool take_arrival(
	struct broker *broker, struct arrival *arrival, struct err *err)
{
	switch (arrival->kind) {
	case ARRIVAL_DELIVERED:
		return keep_delivery(broker, arrival->letter, err);
	case ARRIVAL_RETURNED:
		return note_return(broker, arrival->letter, err);
	case ARRIVAL_ACKED:
		return note_answer(broker, arrival, CONFIRM_TAKEN, err);
	case ARRIVAL_NACKED:
		return note_answer(broker, arrival, CONFIRM_REFUSED, err);
	case ARRIVAL_COUNTED:
		broker->backlog = arrival->messages;
		return true;
	case ARRIVAL_GOT:
		letter_free(arrival->letter);
		return true;
	case ARRIVAL_EMPTY:
	case ARRIVAL_NONE:
		return true;
	}
	return true;
}

static bool take_all(
	struct broker *broker, struct connection *connection, struct err *err)
{
	struct arrival arrival;

	do {
		if (!connection_next(connection, 0, &arrival, err) ||
			!take_arrival(broker, &arrival, err))
			return false;
	} while (arrival.kind != ARRIVAL_NONE);
	return true;
}

bool broker_turn(struct broker *broker, struct err *err)
{
	return take_all(broker, broker->publisher, err) &&
	       (!broker->consumer || take_all(broker, broker->consumer, err));
}

struct delivery *broker_next_delivery(struct broker *broker)
{
	if (broker->taken == broker->arrived)
		return NULL;
	return &broker->letters[broker->taken++ % broker->room]->delivery;
}

bool broker_can_publish(const struct broker *broker)
{
	return !broker->publisher->blocked &&
	       connection_load(broker->publisher) <= PUBLISH_LOAD;
}

bool broker_publish(struct broker *broker, const struct message *message,
	uint64_t *ticket, struct err *err)
{
	if (message->size > MESSAGE_BODY_MAX)
		return err_set(err, ERR_BUG, "message_size",
			"a message for %.60s has a body of %zu bytes",
			message->exchange, message->size);
	if (!connection_publish(broker->publisher, message, err))
		return false;
	*ticket = window_open(&broker->window,
		window_address(message->exchange, message->routing_key,
			message->message_id));
	return true;
}

bool broker_next_confirm(struct broker *broker, struct confirm *confirm)
{
	return window_take(&broker->window, confirm);
}

/* What we send where we consume is little: only a dead broker leaves it. */
static bool has_room(struct connection *connection, struct err *err)
{
	if (connection_load(connection) <= REQUEST_LOAD)
		return true;
	connection->usable = false;
	return err_set(err, ERR_RETRY, "broker_lost",
		"lost the broker at %s: it has stopped reading",
		connection->peer);
}

static bool send_ack(
	struct broker *broker, uint64_t tag, bool multiple, struct err *err)
{
	struct connection *connection = broker->consumer;

	return has_room(connection, err) &&
	       connection_sent(connection,
		       amqp_basic_ack(
			       connection->state, CHANNEL, tag, multiple),
		       err);
}

static bool send_acks(struct broker *broker, struct err *err)
{
	struct acks_due due = acks_take(&broker->acks);
	bool sent = !due.up_to || send_ack(broker, due.up_to, true, err);

	for (size_t i = 0; sent && i < due.count; i++)
		sent = send_ack(broker, due.single[i], false, err);
	return sent;
}

bool broker_ack(struct broker *broker, uint64_t tag, struct err *err)
{
	if (!acks_note(&broker->acks, tag)) /* the broker will complain */
		return send_ack(broker, tag, false, err);
	return broker->held || send_acks(broker, err);
}

bool broker_return(struct broker *broker, uint64_t tag, struct err *err)
{
	struct connection *connection = broker->consumer;

	acks_remove(&broker->acks, tag);
	return has_room(connection, err) &&
	       connection_sent(connection,
		       amqp_basic_nack(
			       connection->state, CHANNEL, tag, false, true),
		       err);
}

void broker_hold(struct broker *broker)
{
	broker->held = true;
	cork(broker, true);
}

bool broker_let_go(struct broker *broker, struct err *err)
{
	bool sent = send_acks(broker, err);

	broker->held = false;
	cork(broker, false);
	return sent;
}

/* Its answer is taken in a later turn. */
static bool request(struct connection *connection, amqp_method_number_t id,
	void *method, struct err *err)
{
	return has_room(connection, err) &&
	       connection_sent(connection,
		       amqp_send_method(connection->state, CHANNEL, id, method),
		       err);
}

bool broker_ask_backlog(struct broker *broker, struct err *err)
{
	amqp_queue_declare_t question = {
		.queue = amqp_cstring_bytes(BROKER_JOBS),
		.passive = true,
	};

	return !broker->consumer ||
	       request(broker->consumer, AMQP_QUEUE_DECLARE_METHOD, &question,
		       err);
}

int64_t broker_backlog(const struct broker *broker)
{
	return broker->backlog;
}

bool broker_stop_consuming(struct broker *broker, struct err *err)
{
	static const char *const tags[] = {JOBS_TAG, SUSPECTS_TAG};

	if (!broker->consumer || broker->cancelled)
		return true;
	broker->cancelled = true;
	for (size_t i = 0; i < COUNT(tags); i++) {
		amqp_basic_cancel_t cancel = {
			.consumer_tag = amqp_cstring_bytes(tags[i]),
		};

		if (!request(broker->consumer, AMQP_BASIC_CANCEL_METHOD,
			    &cancel, err))
			return false;
	}
	return true;
}
