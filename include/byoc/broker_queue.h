/*
 * Queues as the operator sees them, for the command line: counting, looking at
 * messages, dropping or requeueing single ones, and watching events. Unlike
 * broker.h every call here waits for its answer, ten seconds at most.
 *
 * Failures: ERR_RETRY when the broker cannot be reached or does not answer,
 * ERR_REFUSED when it says no ("access_refused", or "not_found": the topology
 * has not been declared).
 */
#pragma once

#include <byoc/broker.h>

/* A delivery with all that is written on it; texts are NULL when absent. */
struct letter {
	struct delivery delivery; /* tag, body, message_id, traceparent */
	char *exchange;
	char *routing_key;
	char *type;
	char *content_type;
	char *reason_code; /* why it was dead-lettered: the worker's word, or */
	char *reason;      /* RabbitMQ's ("delivery_limit") and no sentence */
	int64_t sent_unix; /* 0: the publisher set no time */
};

void letter_free(struct letter *letter); /* takes NULL */

struct broker_console;

/* `prefetch` is not used. Declares nothing. */
struct broker_console *broker_console_open(
	const struct broker_options *options, struct err *err);

/* Messages that were looked at and not dropped or requeued are put back. */
void broker_console_free(struct broker_console *console); /* takes NULL */

struct queue_count {
	uint32_t messages; /* ready: neither delivered nor looked at */
	uint32_t consumers;
};

/*
 * To be asked before looking at messages: when the queue does not exist, the
 * ones looked at before go back to their queues.
 */
bool broker_console_count(struct broker_console *console, const char *queue,
	struct queue_count *count, struct err *err);

/*
 * The next message of a queue, or NULL when there are no more; it stays the
 * console's, and nobody else gets it meanwhile. Every look counts as one
 * delivery.
 */
bool broker_console_look(struct broker_console *console, const char *queue,
	struct letter **letter, struct err *err);

/* Removes a message that was looked at. */
bool broker_console_drop(struct broker_console *console,
	const struct letter *letter, struct err *err);

/*
 * Publishes it to the job queue as it was (without the reason for its death),
 * waits until the broker has it, and removes it where it was. Requeueing while
 * looking can go round in circles: look only as often as the count says.
 */
bool broker_console_requeue(struct broker_console *console,
	const struct letter *letter, struct err *err);

/*
 * From now on events whose routing key fits the pattern come in:
 * "cluster.<id>.#", "#". What happened before is not shown. The queue is ours
 * alone, byoc.watch.<uuid>, and ends with the connection: also when we sleep,
 * for then the heartbeats do.
 */
bool broker_console_watch(
	struct broker_console *console, const char *pattern, struct err *err);

/*
 * From now on messages of this queue come in as events do, and are gone from it
 * as they come.
 */
bool broker_console_consume(
	struct broker_console *console, const char *queue, struct err *err);

/*
 * The next event, or NULL when none came within `timeout_ms`. Keeps heartbeats
 * going: to be called every few seconds. Before sleeping on the socket, call it
 * with 0 until it gives NULL.
 */
bool broker_console_event(struct broker_console *console, int timeout_ms,
	struct letter **event, struct err *err);

/* To be watched for reading. */
int broker_console_socket(const struct broker_console *console);
