/*
 * Taking in what arrives, frame by frame. A message is a method, a header and
 * any number of body frames, which may arrive in different turns; librabbitmq's
 * own amqp_consume_message loses the beginning when its time is up between two
 * of them, so the pieces are put together here, for both connections alike.
 */
#include "connection.h"
#include <string.h>
#include <sys/time.h>

/* The broker ends it. What it wants may be right after opening anew: retry. */
static bool closed_by_broker(struct connection *connection, const char *what,
	amqp_bytes_t reason, struct err *err)
{
	connection->usable = false;
	return err_set(err, ERR_RETRY, "broker_closed",
		"the broker at %s closed the %s: %.*s", connection->peer, what,
		(int)reason.len, (char *)reason.bytes);
}

static bool out_of_order(struct connection *connection, struct err *err)
{
	connection->usable = false;
	return err_set(err, ERR_RETRY, "broker_protocol",
		"the broker at %s sent a message in the wrong order",
		connection->peer);
}

static bool take_connection_method(struct connection *connection,
	const amqp_method_t *method, struct err *err)
{
	const amqp_connection_close_t *closed = method->decoded;
	amqp_connection_close_ok_t answer = {0};

	switch (method->id) {
	case AMQP_CONNECTION_BLOCKED_METHOD:
		connection->blocked = true;
		return true;
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		connection->blocked = false;
		return true;
	case AMQP_CONNECTION_CLOSE_METHOD:
		(void)amqp_send_method(connection->state, 0,
			AMQP_CONNECTION_CLOSE_OK_METHOD, &answer);
		return closed_by_broker(
			connection, "connection", closed->reply_text, err);
	default:
		return true;
	}
}

/* Short strings of the protocol have 255 bytes at most. */
static void keep_short(char out[256], amqp_bytes_t text)
{
	size_t size = text.len < 255 ? text.len : 255;

	if (size)
		memcpy(out, text.bytes, size);
	out[size] = 0;
}

static bool begin_message(struct connection *connection, enum arrival_kind kind,
	uint64_t tag, amqp_bytes_t exchange, amqp_bytes_t routing_key)
{
	struct incoming *incoming = &connection->incoming;

	incoming->kind = kind;
	incoming->tag = tag;
	incoming->filled = 0;
	keep_short(incoming->exchange, exchange);
	keep_short(incoming->routing_key, routing_key);
	return true;
}

static bool take_message_method(
	struct connection *connection, const amqp_method_t *method)
{
	const amqp_basic_deliver_t *delivered = method->decoded;
	const amqp_basic_get_ok_t *got = method->decoded;
	const amqp_basic_return_t *returned = method->decoded;

	switch (method->id) {
	case AMQP_BASIC_DELIVER_METHOD:
		return begin_message(connection, ARRIVAL_DELIVERED,
			delivered->delivery_tag, delivered->exchange,
			delivered->routing_key);
	case AMQP_BASIC_GET_OK_METHOD:
		return begin_message(connection, ARRIVAL_GOT, got->delivery_tag,
			got->exchange, got->routing_key);
	case AMQP_BASIC_RETURN_METHOD:
		return begin_message(connection, ARRIVAL_RETURNED, 0,
			returned->exchange, returned->routing_key);
	default:
		return false;
	}
}

static bool take_method(struct connection *connection,
	const amqp_method_t *method, struct arrival *arrival, struct err *err)
{
	const amqp_basic_ack_t *ack = method->decoded;
	const amqp_basic_nack_t *nack = method->decoded;
	const amqp_queue_declare_ok_t *counted = method->decoded;
	const amqp_channel_close_t *closed = method->decoded;

	if (connection->incoming.kind != ARRIVAL_NONE)
		return out_of_order(connection, err);
	if (take_message_method(connection, method))
		return true;
	switch (method->id) {
	case AMQP_BASIC_ACK_METHOD:
		*arrival = (struct arrival){.kind = ARRIVAL_ACKED,
			.tag = ack->delivery_tag,
			.multiple = ack->multiple};
		return true;
	case AMQP_BASIC_NACK_METHOD:
		*arrival = (struct arrival){.kind = ARRIVAL_NACKED,
			.tag = nack->delivery_tag,
			.multiple = nack->multiple};
		return true;
	case AMQP_QUEUE_DECLARE_OK_METHOD:
		*arrival = (struct arrival){.kind = ARRIVAL_COUNTED,
			.messages = counted->message_count};
		return true;
	case AMQP_BASIC_GET_EMPTY_METHOD:
		arrival->kind = ARRIVAL_EMPTY;
		return true;
	case AMQP_BASIC_CANCEL_METHOD:
		return closed_by_broker(connection, "consumer",
			amqp_cstring_bytes("its queue is gone"), err);
	case AMQP_CHANNEL_CLOSE_METHOD:
		return closed_by_broker(
			connection, "channel", closed->reply_text, err);
	default:
		return true;
	}
}

/* Hands the message over once the whole body has been read. */
static void finish_message(
	struct connection *connection, struct arrival *arrival)
{
	struct incoming *incoming = &connection->incoming;

	if (incoming->filled < incoming->letter->delivery.size)
		return;
	*arrival = (struct arrival){.kind = incoming->kind,
		.tag = incoming->tag,
		.letter = incoming->letter};
	incoming->kind = ARRIVAL_NONE;
	incoming->letter = NULL;
}

static bool take_header(struct connection *connection,
	const amqp_frame_t *frame, struct arrival *arrival, struct err *err)
{
	struct incoming *incoming = &connection->incoming;

	if (incoming->kind == ARRIVAL_NONE || incoming->letter)
		return out_of_order(connection, err);
	incoming->letter = letter_new(incoming,
		frame->payload.properties.decoded,
		frame->payload.properties.body_size, connection->body_limit);
	finish_message(connection, arrival);
	return true;
}

static bool take_body(struct connection *connection, amqp_bytes_t piece,
	struct arrival *arrival, struct err *err)
{
	struct incoming *incoming = &connection->incoming;
	struct letter *letter = incoming->letter;

	if (!letter || piece.len > letter->delivery.size - incoming->filled)
		return out_of_order(connection, err);
	if (letter->delivery.size <= connection->body_limit)
		memcpy(letter->delivery.body + incoming->filled, piece.bytes,
			piece.len);
	incoming->filled += piece.len;
	finish_message(connection, arrival);
	return true;
}

static bool take_frame(struct connection *connection, const amqp_frame_t *frame,
	struct arrival *arrival, struct err *err)
{
	switch (frame->frame_type) {
	case AMQP_FRAME_METHOD:
		if (frame->channel == 0)
			return take_connection_method(
				connection, &frame->payload.method, err);
		return take_method(
			connection, &frame->payload.method, arrival, err);
	case AMQP_FRAME_HEADER:
		return take_header(connection, frame, arrival, err);
	case AMQP_FRAME_BODY:
		return take_body(
			connection, frame->payload.body_fragment, arrival, err);
	default:
		return true;
	}
}

bool connection_next(struct connection *connection, int timeout_ms,
	struct arrival *arrival, struct err *err)
{
	const struct timeval timeout = {
		.tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000,
	};
	amqp_frame_t frame;

	*arrival = (struct arrival){0};
	while (arrival->kind == ARRIVAL_NONE) {
		int status = amqp_simple_wait_frame_noblock(
			connection->state, &frame, &timeout);

		if (status == AMQP_STATUS_TIMEOUT)
			return true;
		if (!connection_sent(connection, status, err) ||
			!take_frame(connection, &frame, arrival, err))
			return false;
		/* Nothing points into the frame any more. */
		amqp_maybe_release_buffers_on_channel(
			connection->state, frame.channel);
	}
	return true;
}
