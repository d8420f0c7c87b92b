/*
 * Both connections together: the one that consumes hands out deliveries, the
 * one that publishes hands out confirms. Nothing is waited for after opening:
 * a turn takes in what is there, and requests such as cancelling the consumer
 * are sent without waiting for the answer.
 */
#include "connection.h"
#include "window.h"
#include <byoc/memory.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CONSUMER_TAG "byoc-worker"
#define PREFETCH_LIMIT 65535 /* the protocol's */

struct broker {
	struct connection *consumer; /* NULL: publishes only */
	struct connection *publisher;
	struct window window;
	/* Deliveries nobody has taken yet, a ring as large as the prefetch. */
	struct letter **letters;
	size_t room;
	uint64_t arrived;
	uint64_t taken;
	bool cancelled;
};

static bool open_publisher(struct broker *broker,
	const struct broker_options *options, struct err *err)
{
	broker->publisher = connection_open(options, "publisher", err);
	if (!broker->publisher || !topology_declare(broker->publisher, err))
		return false;
	amqp_confirm_select(broker->publisher->state, CHANNEL);
	return connection_agreed(broker->publisher, "ask for confirms", err);
}

static bool open_consumer(struct broker *broker,
	const struct broker_options *options, struct err *err)
{
	uint16_t prefetch = options->prefetch < PREFETCH_LIMIT
				    ? (uint16_t)options->prefetch
				    : PREFETCH_LIMIT;

	broker->consumer = connection_open(options, "consumer", err);
	if (!broker->consumer)
		return false;
	broker->room = prefetch;
	broker->letters = memory_new(prefetch * sizeof(struct letter *));
	amqp_basic_qos(broker->consumer->state, CHANNEL, 0, prefetch, false);
	if (!connection_agreed(broker->consumer, "set the prefetch", err))
		return false;
	amqp_basic_consume(broker->consumer->state, CHANNEL,
		amqp_cstring_bytes(BROKER_JOBS),
		amqp_cstring_bytes(CONSUMER_TAG), false, false, false,
		amqp_empty_table);
	return connection_agreed(
		broker->consumer, "consume from queue '" BROKER_JOBS "'", err);
}

struct broker *broker_open(
	const struct broker_options *options, struct err *err)
{
	struct broker *broker = memory_new(sizeof(*broker));

	window_init(&broker->window);
	if (open_publisher(broker, options, err) &&
		(options->prefetch <= 0 || open_consumer(broker, options, err)))
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
	free(broker->letters);
	free(broker);
}

bool broker_declare_topology(
	const struct broker_options *options, struct err *err)
{
	struct connection *connection =
		connection_open(options, "topology", err);
	bool declared = connection && topology_declare(connection, err);

	connection_free(connection);
	return declared;
}

void broker_sockets(const struct broker *broker, int sockets[2])
{
	sockets[0] = broker->consumer ? amqp_get_sockfd(broker->consumer->state)
				      : -1;
	sockets[1] = amqp_get_sockfd(broker->publisher->state);
}

void broker_hold(struct broker *broker, bool hold)
{
	int sockets[2], on = hold;

	/* Where it cannot be had, all goes out as it is written. */
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

static bool keep_delivery(
	struct broker *broker, struct letter *letter, struct err *err)
{
	if (broker->arrived - broker->taken == broker->room) {
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

bool broker_publish(struct broker *broker, const struct message *message,
	uint64_t *ticket, struct err *err)
{
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

bool broker_blocked(const struct broker *broker)
{
	return broker->publisher->blocked;
}

bool broker_ack(struct broker *broker, uint64_t tag, struct err *err)
{
	return connection_sent(broker->consumer,
		amqp_basic_ack(broker->consumer->state, CHANNEL, tag, false),
		err);
}

bool broker_return(struct broker *broker, uint64_t tag, struct err *err)
{
	return connection_sent(broker->consumer,
		amqp_basic_nack(
			broker->consumer->state, CHANNEL, tag, false, true),
		err);
}

bool broker_stop_consuming(struct broker *broker, struct err *err)
{
	amqp_basic_cancel_t cancel = {
		.consumer_tag = amqp_cstring_bytes(CONSUMER_TAG),
	};

	if (!broker->consumer || broker->cancelled)
		return true;
	broker->cancelled = true;
	return connection_sent(broker->consumer,
		amqp_send_method(broker->consumer->state, CHANNEL,
			AMQP_BASIC_CANCEL_METHOD, &cancel),
		err);
}
