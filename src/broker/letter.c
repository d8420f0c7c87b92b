/*
 * Letters: what a message carries besides its body, copied out of the library's
 * buffers into one piece of memory together with room for the body.
 */
#include "connection.h"
#include <byoc/memory.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A text on its way from the library's buffers into a letter. */
struct copy {
	amqp_bytes_t from;
	char **to;
};

static const amqp_field_value_t *find_header(
	const amqp_table_t *headers, const char *key)
{
	size_t size = strlen(key);

	for (int i = 0; i < headers->num_entries; i++) {
		const amqp_table_entry_t *entry = &headers->entries[i];

		if (entry->key.len == size &&
			memcmp(entry->key.bytes, key, size) == 0)
			return &entry->value;
	}
	return NULL;
}

static amqp_bytes_t header_text(const amqp_table_t *headers, const char *key)
{
	const amqp_field_value_t *value = find_header(headers, key);

	if (value && (value->kind == AMQP_FIELD_KIND_UTF8 ||
			     value->kind == AMQP_FIELD_KIND_BYTES))
		return value->value.bytes;
	return amqp_empty_bytes;
}

/* RabbitMQ's count of how often it was delivered before; 0 when it is new. */
static int redeliveries(const amqp_table_t *headers)
{
	const amqp_field_value_t *count =
		find_header(headers, "x-delivery-count");

	if (!count || count->kind != AMQP_FIELD_KIND_I64 ||
		count->value.i64 < 0)
		return 0;
	return count->value.i64 < INT_MAX ? (int)count->value.i64 : INT_MAX;
}

/* The worker's word or, when RabbitMQ moved the job, its reason: the latest. */
static amqp_bytes_t reason_code(const amqp_table_t *headers)
{
	amqp_bytes_t code = header_text(headers, "byoc-reason-code");
	const amqp_field_value_t *deaths = find_header(headers, "x-death");

	if (code.len || !deaths || deaths->kind != AMQP_FIELD_KIND_ARRAY ||
		deaths->value.array.num_entries == 0 ||
		deaths->value.array.entries[0].kind != AMQP_FIELD_KIND_TABLE)
		return code;
	return header_text(
		&deaths->value.array.entries[0].value.table, "reason");
}

/* A field counts only when its flag says that it is there. */
static amqp_bytes_t field(const amqp_basic_properties_t *properties,
	amqp_flags_t flag, amqp_bytes_t value)
{
	return properties->_flags & flag ? value : amqp_empty_bytes;
}

static amqp_table_t headers_of(const amqp_basic_properties_t *properties)
{
	return properties->_flags & AMQP_BASIC_HEADERS_FLAG
		       ? properties->headers
		       : amqp_empty_table;
}

#define TEXT_COUNT 8

/* Which texts of the message go where; the room they need. */
static size_t list_texts(const struct incoming *incoming,
	const amqp_basic_properties_t *p, struct letter *letter,
	struct copy copies[TEXT_COUNT])
{
	amqp_table_t headers = headers_of(p);
	size_t size = 0;
	const struct copy list[TEXT_COUNT] = {
		{field(p, AMQP_BASIC_MESSAGE_ID_FLAG, p->message_id),
			&letter->delivery.message_id},
		{header_text(&headers, "traceparent"),
			&letter->delivery.traceparent},
		{amqp_cstring_bytes(incoming->exchange), &letter->exchange},
		{amqp_cstring_bytes(incoming->routing_key),
			&letter->routing_key},
		{field(p, AMQP_BASIC_TYPE_FLAG, p->type), &letter->type},
		{field(p, AMQP_BASIC_CONTENT_TYPE_FLAG, p->content_type),
			&letter->content_type},
		{reason_code(&headers), &letter->reason_code},
		{header_text(&headers, "byoc-reason"), &letter->reason},
	};

	for (size_t i = 0; i < TEXT_COUNT; i++) {
		copies[i] = list[i];
		size += list[i].from.len + 1;
	}
	return size;
}

static char *place(char *room, const struct copy *copy)
{
	if (!copy->from.len)
		return room;
	memcpy(room, copy->from.bytes, copy->from.len);
	*copy->to = room;
	return room + copy->from.len + 1;
}

struct letter *letter_new(const struct incoming *incoming,
	const amqp_basic_properties_t *properties, uint64_t body_size,
	size_t body_limit)
{
	amqp_table_t headers = headers_of(properties);
	size_t kept = body_size > body_limit ? 0 : (size_t)body_size;
	struct letter written = {0};
	struct copy copies[TEXT_COUNT];
	size_t size = list_texts(incoming, properties, &written, copies);
	struct letter *letter = memory_new(sizeof(*letter) + kept + 1 + size);
	char *room = (char *)(letter + 1);

	written.delivery.body = room;
	room += kept + 1;
	for (size_t i = 0; i < TEXT_COUNT; i++)
		room = place(room, &copies[i]);
	written.delivery.tag = incoming->tag;
	written.delivery.redeliveries = redeliveries(&headers);
	/* Whatever is in this queue was sent to it by its name. */
	written.delivery.suspect =
		strcmp(incoming->routing_key, BROKER_SUSPECTS) == 0;
	written.delivery.size = (size_t)body_size;
	if (properties->_flags & AMQP_BASIC_TIMESTAMP_FLAG)
		written.sent_unix = (int64_t)properties->timestamp;
	*letter = written;
	return letter;
}

void letter_free(struct letter *letter)
{
	free(letter);
}

/* Deliveries are the beginnings of letters. */
void delivery_free(struct delivery *delivery)
{
	letter_free((struct letter *)delivery);
}
