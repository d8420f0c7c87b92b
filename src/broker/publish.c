/*
 * Sending one message: persistent, with the properties and headers that
 * consumers and AMQP tools look at.
 */
#include "connection.h"
#include <byoc/memory.h>
#include <string.h>
#include <time.h>

#define SHORT_STRING 255  /* the protocol's limit for keys and properties */
#define HEADER_LIMIT 4096 /* all headers have to fit into one frame */
#define PERSISTENT 2

/* Bytes of a text cut to the limit, but not within a UTF-8 character. */
static size_t header_size(const char *text)
{
	size_t size = strnlen(text, HEADER_LIMIT);

	if (size == HEADER_LIMIT)
		while (size && (text[size] & 0xc0) == 0x80)
			size--;
	return size;
}

static void add_header(amqp_table_t *headers, const char *key, const char *text)
{
	if (!text)
		return;
	headers->entries[headers->num_entries++] = (amqp_table_entry_t){
		.key = amqp_cstring_bytes(key),
		.value.kind = AMQP_FIELD_KIND_UTF8,
		.value.value.bytes = {header_size(text), (void *)text},
	};
}

static void set_property(amqp_basic_properties_t *properties, amqp_flags_t flag,
	amqp_bytes_t *field, const char *text)
{
	if (!text)
		return;
	properties->_flags |= flag;
	*field = amqp_cstring_bytes(text);
}

/* Found out halfway through a message it would cost the connection. */
static bool fits(const struct message *message, struct err *err)
{
	const char *const texts[] = {
		message->exchange,
		message->routing_key,
		message->message_id,
		message->type,
		message->content_type,
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		if (texts[i] && strlen(texts[i]) > SHORT_STRING)
			return err_set(err, ERR_BUG, "message_field",
				"a message for %.60s has a field of more than "
				"255 bytes: %.60s...",
				message->exchange, texts[i]);
	return true;
}

bool connection_publish(struct connection *connection,
	const struct message *message, struct err *err)
{
	amqp_table_entry_t entries[3];
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_DELIVERY_MODE_FLAG |
			  AMQP_BASIC_TIMESTAMP_FLAG,
		.delivery_mode = PERSISTENT,
		.timestamp = (uint64_t)time(NULL),
		.headers.entries = entries,
	};
	amqp_bytes_t body = {message->size, (void *)message->body};

	if (!fits(message, err))
		return false;
	set_property(&properties, AMQP_BASIC_MESSAGE_ID_FLAG,
		&properties.message_id, message->message_id);
	set_property(&properties, AMQP_BASIC_TYPE_FLAG, &properties.type,
		message->type);
	set_property(&properties, AMQP_BASIC_CONTENT_TYPE_FLAG,
		&properties.content_type, message->content_type);
	add_header(&properties.headers, "traceparent", message->traceparent);
	add_header(
		&properties.headers, "byoc-reason-code", message->reason_code);
	add_header(&properties.headers, "byoc-reason", message->reason);
	if (properties.headers.num_entries)
		properties._flags |= AMQP_BASIC_HEADERS_FLAG;
	return connection_sent(connection,
		amqp_basic_publish(connection->state, CHANNEL,
			amqp_cstring_bytes(message->exchange),
			amqp_cstring_bytes(message->routing_key),
			message->mandatory, false, &properties, body),
		err);
}
