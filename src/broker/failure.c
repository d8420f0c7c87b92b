/*
 * What went wrong, in plain words and with the broker's own reason, and whether
 * trying again can help.
 */
#include "connection.h"
#include <byoc/memory.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Refusals that stay until somebody changes something at the broker. */
static const struct refusal {
	uint16_t reply_code;
	const char *code;
	const char *advice;
} refusals[] = {
	{AMQP_ACCESS_REFUSED, "access_refused", ""},
	{AMQP_NOT_ALLOWED, "access_refused", ""},
	{AMQP_NOT_FOUND, "not_found", "; declare it with `byoc topology`"},
	{AMQP_PRECONDITION_FAILED, "topology_conflict",
		"; it exists with other arguments: delete it, or change it "
		"to these"},
};

static const struct refusal *find_refusal(uint16_t reply_code)
{
	for (size_t i = 0; i < COUNT(refusals); i++)
		if (refusals[i].reply_code == reply_code)
			return &refusals[i];
	return NULL;
}

/* Too many connections: the same number as an unknown vhost, yet it passes. */
static bool is_limit(uint16_t reply_code, amqp_bytes_t text)
{
	return reply_code == AMQP_NOT_ALLOWED &&
	       memmem(text.bytes, text.len, "limit", 5) != NULL;
}

static bool refused(struct connection *connection, uint16_t reply_code,
	amqp_bytes_t text, const char *doing, struct err *err)
{
	const struct refusal *refusal = find_refusal(reply_code);

	if (!refusal || is_limit(reply_code, text))
		return err_set(err, ERR_RETRY, "broker_closed",
			"cannot %s at the broker at %s: %.*s", doing,
			connection->peer, (int)text.len, (char *)text.bytes);
	return err_set(err, ERR_REFUSED, refusal->code,
		"the broker at %s does not let us %s: %.*s%s", connection->peer,
		doing, (int)text.len, (char *)text.bytes, refusal->advice);
}

static bool lost(struct connection *connection, int status, struct err *err)
{
	const char *reason = amqp_error_string2(status);

	if (status == AMQP_STATUS_HEARTBEAT_TIMEOUT)
		reason = "no sign of life from it";
	else if (status == AMQP_STATUS_CONNECTION_CLOSED)
		reason = "it closed the connection";
	else if (status == AMQP_STATUS_TIMEOUT)
		reason = "it does not answer";
	else if (status == AMQP_STATUS_SOCKET_ERROR && errno)
		reason = strerror(errno);
	return err_set(err, ERR_RETRY, "broker_lost",
		"lost the broker at %s: %s", connection->peer, reason);
}

bool connection_sent(struct connection *connection, int status, struct err *err)
{
	if (status == AMQP_STATUS_OK)
		return true;
	connection->usable = false;
	return lost(connection, status, err);
}

bool connection_agreed(
	struct connection *connection, const char *doing, struct err *err)
{
	return connection_reply(
		connection, amqp_get_rpc_reply(connection->state), doing, err);
}

bool connection_reply(struct connection *connection, amqp_rpc_reply_t reply,
	const char *doing, struct err *err)
{
	const amqp_connection_close_t *closed = reply.reply.decoded;
	const amqp_channel_close_t *channel_closed = reply.reply.decoded;

	if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
		connection_limit_answers(connection);
		return true;
	}
	connection->usable = false;
	if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION)
		return lost(connection, reply.library_error, err);
	if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD)
		return refused(connection, channel_closed->reply_code,
			channel_closed->reply_text, doing, err);
	return refused(
		connection, closed->reply_code, closed->reply_text, doing, err);
}
