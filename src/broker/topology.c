/*
 * Exchanges, queues and bindings as tables, and declaring them. What exists
 * with the same arguments is left as it is, so any number of workers may do
 * this at any time.
 *
 * Quorum queues, because jobs survive the loss of a broker node. Dead-lettering
 * is at-least-once, which needs reject-publish. A wait queue holds one delay
 * only: with a time to live per message, short ones would wait behind long
 * ones.
 *
 * Consumers of events get their queues from here, too, for a queue with other
 * arguments could hold up everybody: see topology_declare_consumer().
 */
#include "connection.h"
#include <byoc/memory.h>
#include <stdio.h>
#include <string.h>

static const struct exchange {
	const char *name;
	const char *type;
} exchanges[] = {
	{BROKER_JOBS, "direct"},
	{BROKER_EVENTS, "topic"},
};

struct queue {
	const char *name;
	int delay_ms;       /* messages move on after that long */
	int delivery_limit; /* messages move on when redelivered more often */
	const char *next_exchange; /* where they move on to; NULL: nowhere */
	const char *next_key;
	int keep; /* when there are more, the oldest go; 0: all are kept */
	int keep_bytes;
};

enum { OUT_OF_REACH = 1000000 };

/*
 * Every look at the dead queue counts as a delivery, and newer brokers throw
 * away after 20 unless told otherwise: hence its limit, out of reach.
 */
static const struct queue queues[] = {
	{BROKER_DEAD, 0, OUT_OF_REACH, NULL, NULL, 0, 0},
	{BROKER_JOBS, 0, 20, "", BROKER_DEAD, 0, 0},
	{BROKER_SUSPECTS, 0, 2, "", BROKER_DEAD, 0, 0},
};

/* The shortest delay first. */
static const struct queue wait_queues[] = {
	{"byoc.jobs.wait.250", 250, 0, BROKER_JOBS, BROKER_JOBS, 0, 0},
	{"byoc.jobs.wait.500", 500, 0, BROKER_JOBS, BROKER_JOBS, 0, 0},
	{"byoc.jobs.wait.1000", 1000, 0, BROKER_JOBS, BROKER_JOBS, 0, 0},
	{"byoc.jobs.wait.2000", 2000, 0, BROKER_JOBS, BROKER_JOBS, 0, 0},
	{"byoc.jobs.wait.5000", 5000, 0, BROKER_JOBS, BROKER_JOBS, 0, 0},
	{"byoc.jobs.wait.15000", 15000, 0, BROKER_JOBS, BROKER_JOBS, 0, 0},
	{"byoc.jobs.wait.60000", 60000, 0, BROKER_JOBS, BROKER_JOBS, 0, 0},
};

/*
 * Keys by which jobs reach the job queue: its name, none, or the job's type, so
 * that whatever a client takes for natural arrives.
 */
static const char *const job_keys[] = {
	BROKER_JOBS,
	"",
	"credential.validate",
	"credential.audit",
	"cluster.provision",
	"cluster.teardown",
	"cluster.refresh",
	"cluster.repair",
	"cluster.phase",
	"cluster.kubeconfig",
};

const char *broker_wait_queue(int delay_ms, int *actual_ms)
{
	size_t i = 0;

	while (i + 1 < COUNT(wait_queues) && wait_queues[i].delay_ms < delay_ms)
		i++;
	*actual_ms = wait_queues[i].delay_ms;
	return wait_queues[i].name;
}

const char *broker_wait_queue_within(int delay_ms)
{
	size_t count = 0;

	while (count < COUNT(wait_queues) &&
		wait_queues[count].delay_ms <= delay_ms)
		count++;
	return count ? wait_queues[count - 1].name : NULL;
}

static bool declare_exchange(struct connection *connection,
	const struct exchange *exchange, struct err *err)
{
	char doing[80];

	snprintf(doing, sizeof(doing), "declare exchange '%s'", exchange->name);
	amqp_exchange_declare(connection->state, CHANNEL,
		amqp_cstring_bytes(exchange->name),
		amqp_cstring_bytes(exchange->type), false, true, false, false,
		amqp_empty_table);
	return connection_agreed(connection, doing, err);
}

static void add_text(amqp_table_t *arguments, const char *key, const char *text)
{
	arguments->entries[arguments->num_entries++] = (amqp_table_entry_t){
		.key = amqp_cstring_bytes(key),
		.value.kind = AMQP_FIELD_KIND_UTF8,
		.value.value.bytes = amqp_cstring_bytes(text),
	};
}

static void add_number(amqp_table_t *arguments, const char *key, int number)
{
	if (number == 0)
		return;
	arguments->entries[arguments->num_entries++] = (amqp_table_entry_t){
		.key = amqp_cstring_bytes(key),
		.value.kind = AMQP_FIELD_KIND_I32,
		.value.value.i32 = number,
	};
}

static bool declare_queue(struct connection *connection,
	const struct queue *queue, struct err *err)
{
	amqp_table_entry_t entries[8];
	amqp_table_t arguments = {0, entries};
	char doing[80];

	add_text(&arguments, "x-queue-type", "quorum");
	add_number(&arguments, "x-message-ttl", queue->delay_ms);
	add_number(&arguments, "x-delivery-limit", queue->delivery_limit);
	if (queue->next_exchange) {
		add_text(&arguments, "x-dead-letter-exchange",
			queue->next_exchange);
		add_text(&arguments, "x-dead-letter-routing-key",
			queue->next_key);
		add_text(&arguments, "x-dead-letter-strategy", "at-least-once");
		add_text(&arguments, "x-overflow", "reject-publish");
	}
	if (queue->keep) {
		add_number(&arguments, "x-max-length", queue->keep);
		add_number(&arguments, "x-max-length-bytes", queue->keep_bytes);
		add_text(&arguments, "x-overflow", "drop-head");
	}
	snprintf(doing, sizeof(doing), "declare queue '%s'", queue->name);
	amqp_queue_declare(connection->state, CHANNEL,
		amqp_cstring_bytes(queue->name), false, true, false, false,
		arguments);
	return connection_agreed(connection, doing, err);
}

static bool bind_queue(struct connection *connection, const char *queue,
	const char *exchange, const char *key, struct err *err)
{
	char doing[160];

	snprintf(doing, sizeof(doing), "bind queue '%s' to exchange '%s'",
		queue, exchange);
	amqp_queue_bind(connection->state, CHANNEL, amqp_cstring_bytes(queue),
		amqp_cstring_bytes(exchange), amqp_cstring_bytes(key),
		amqp_empty_table);
	return connection_agreed(connection, doing, err);
}

bool topology_declare(struct connection *connection, struct err *err)
{
	for (size_t i = 0; i < COUNT(exchanges); i++)
		if (!declare_exchange(connection, &exchanges[i], err))
			return false;
	for (size_t i = 0; i < COUNT(queues); i++)
		if (!declare_queue(connection, &queues[i], err))
			return false;
	for (size_t i = 0; i < COUNT(job_keys); i++)
		if (!bind_queue(connection, BROKER_JOBS, BROKER_JOBS,
			    job_keys[i], err))
			return false;
	for (size_t i = 0; i < COUNT(wait_queues); i++)
		if (!declare_queue(connection, &wait_queues[i], err))
			return false;
	amqp_maybe_release_buffers(connection->state);
	return true;
}

/*
 * A queue that refuses would make the broker refuse the event to the worker,
 * who would publish it again to everybody: this one forgets instead. What was
 * forgotten is in byoc.events.
 */
bool topology_declare_consumer(struct connection *connection,
	const struct consumer *consumer, struct err *err)
{
	char name[CONSUMER_QUEUE_SIZE];
	const struct queue queue = {.name = name,
		.delivery_limit = OUT_OF_REACH,
		.keep = CONSUMER_KEEPS,
		.keep_bytes = CONSUMER_KEEPS_BYTES};

	consumer_queue(consumer->name, name);
	if (!declare_queue(connection, &queue, err))
		return false;
	for (size_t i = 0; i < consumer->pattern_count; i++)
		if (!bind_queue(connection, name, BROKER_EVENTS,
			    consumer->patterns[i], err))
			return false;
	amqp_maybe_release_buffers(connection->state);
	return true;
}

void consumer_queue(const char *consumer, char name[CONSUMER_QUEUE_SIZE])
{
	snprintf(name, CONSUMER_QUEUE_SIZE, "consumer.%s", consumer);
}
