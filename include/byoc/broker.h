/*
 * The door to RabbitMQ: topology, deliveries, publishing with confirms. Two
 * connections, one that consumes and one that publishes, because a broker in
 * alarm blocks connections that publish. Opening and closing politely wait;
 * nothing else does, whatever the broker does or fails to do.
 *
 * Once open, any failure returns false with an ERR_RETRY: the broker is then to
 * be freed and opened anew, and every delivery not acknowledged will come
 * again. A broker that takes nothing more is given up after 15 s, one that
 * gives no sign of life after 60 s.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>
#include <stddef.h>
#include <stdint.h>

#define BROKER_JOBS "byoc.jobs"     /* direct exchange, and the job queue */
#define BROKER_EVENTS "byoc.events" /* topic exchange */
#define EVENT_CONTENT_TYPE "application/cloudevents+json; charset=utf-8"
/* Queues that are reached by their names: */
#define BROKER_SUSPECTS "byoc.jobs.suspects"
#define BROKER_DEAD "byoc.jobs.dead"

/*
 * A connection that is lost counts as one delivery of every message that was in
 * the air on it, so that the counts do not tell which of them crashed a worker.
 * Whatever has come back this often is therefore to be sent on to the suspects,
 * unread. Of those a consumer gets one at a time, and counts anew: one that is
 * given back or lost with its consumer three times there is dead.
 */
enum { SUSPECT_REDELIVERIES = 3 };

/*
 * The smallest wait queue of at least `delay_ms` (the largest there is when
 * none is): "byoc.jobs.wait.<ms>". Its delay goes to *actual_ms. Static.
 */
const char *broker_wait_queue(int delay_ms, int *actual_ms);
/* The largest of at most `delay_ms`; NULL: there is none. */
const char *broker_wait_queue_within(int delay_ms);

struct broker_options {
	const struct secret *url; /* amqp:// or amqps:// with vhost */
	const char *ca_file;      /* PEM; NULL or "": the system's */
	const char *name;         /* connection name shown by RabbitMQ */
	int prefetch; /* jobs in the air, beside one suspect; 0: publish only */
};

/* A larger body is neither kept nor published. */
enum { MESSAGE_BODY_MAX = 128 * 1024 };

/* A message that was delivered; belongs to whom took it. */
struct delivery {
	uint64_t tag;
	int redeliveries;  /* how often it was given back or lost before */
	bool suspect;      /* it is from the suspects */
	char *body;        /* a zero byte follows */
	size_t size;       /* above MESSAGE_BODY_MAX the body is "" */
	char *message_id;  /* NULL when the publisher set none */
	char *traceparent; /* header; NULL when there is none */
};

/*
 * A message to publish: persistent; everything is borrowed for the call. Texts
 * may be NULL, except exchange and routing_key. The exchange "" takes a message
 * straight to the queue whose name is the routing key.
 */
struct message {
	const char *exchange;
	const char *routing_key;
	const char *body;
	size_t size;
	const char *message_id;
	const char *type;
	const char *content_type;
	const char *traceparent; /* header */
	const char *reason_code; /* headers of a dead-lettered job */
	const char *reason;
	bool mandatory; /* a message that no queue takes is returned */
};

enum confirm_kind {
	CONFIRM_TAKEN,    /* every queue it was routed to has it */
	CONFIRM_REFUSED,  /* negative acknowledgement: publish again */
	CONFIRM_RETURNED, /* mandatory, and no queue took it */
};

struct confirm {
	uint64_t ticket;
	enum confirm_kind kind;
};

struct broker;

/*
 * Connects, declares the topology and begins to consume. Waits 30 s at most
 * (looking up the host's name is the resolver's time, and not counted); may be
 * called on a thread of its own, and the broker be used on another afterwards.
 *
 * ERR_REFUSED is "topology_conflict" (an existing exchange or queue has other
 * arguments, and is named), "access_refused" (login, vhost, permissions) or
 * "broker_certificate"; ERR_BAD_INPUT is "amqp_url" or "ca_file".
 */
struct broker *broker_open(
	const struct broker_options *options, struct err *err);
/* Drops the connections without a word. Takes NULL. */
void broker_free(struct broker *broker);
/* Takes leave first, so that all that was sent arrives: waits 2 s at most. */
void broker_close(struct broker *broker); /* takes NULL */

/* Connects, declares the topology and disconnects; idempotent. */
bool broker_declare_topology(
	const struct broker_options *options, struct err *err);

/*
 * Who listens to events has a queue, which is declared for him, and reads only:
 * a quorum queue that keeps the newest events, up to a number and a size.
 */
enum {
	CONSUMER_NAME_MAX = 63,
	CONSUMER_QUEUE_SIZE = sizeof "consumer." + CONSUMER_NAME_MAX,
	CONSUMER_KEEPS = 100000,
	CONSUMER_KEEPS_BYTES = 256 * 1024 * 1024,
};

struct consumer {
	const char *name;            /* at most CONSUMER_NAME_MAX bytes */
	const char *const *patterns; /* of routing keys: "cluster.#" */
	size_t pattern_count;
};

/* "consumer.NAME" */
void consumer_queue(const char *consumer, char name[CONSUMER_QUEUE_SIZE]);

/*
 * Declares the topology, the consumer's queue and its bindings; idempotent.
 * Patterns are added to those there are. Fails as broker_declare_topology().
 */
bool broker_declare_consumer(const struct broker_options *options,
	const struct consumer *consumer, struct err *err);

/* The two sockets, to be watched for reading; -1: there is none. */
void broker_sockets(const struct broker *broker, int sockets[2]);

/*
 * Reads what has arrived on both connections, keeps heartbeats going and
 * answers what the protocol asks for. To be called every turn, at least every
 * few seconds, and before each sleep: afterwards nothing is left in a buffer.
 */
bool broker_turn(struct broker *broker, struct err *err);

/* The next delivery that has been read, or NULL. */
struct delivery *broker_next_delivery(struct broker *broker);
void delivery_free(struct delivery *delivery); /* takes NULL */

/*
 * May a message be published now? Not while the broker has asked to stop
 * (connection.blocked), nor while much of what was sent has not left yet.
 */
bool broker_can_publish(const struct broker *broker);

/*
 * Sends; the answer comes later as the confirm of *ticket (1, 2, 3, ...). Waits
 * for room when called without asking broker_can_publish() before each message.
 * A name, key or id of more than 255 bytes or a body that is too large is
 * ERR_BUG and does no harm.
 */
bool broker_publish(struct broker *broker, const struct message *message,
	uint64_t *ticket, struct err *err);

/*
 * While held, what is sent goes out in large pieces, and acknowledgements wait:
 * one may stand for many. Let go, the rest goes out at once. Many small
 * messages cost the network and the broker far less so. TCP itself holds
 * nothing back for longer than 200 ms (tcp(7), TCP_CORK).
 */
void broker_hold(struct broker *broker);
bool broker_let_go(struct broker *broker, struct err *err);

/* The next answer to a published message; false when there is none yet. */
bool broker_next_confirm(struct broker *broker, struct confirm *confirm);

bool broker_ack(struct broker *broker, uint64_t tag, struct err *err);
/* Gives the delivery back: another consumer gets it at once. */
bool broker_return(struct broker *broker, uint64_t tag, struct err *err);

/*
 * Asks how many jobs are ready in the job queue; broker_backlog() has the
 * answer after a later turn. Does nothing on a broker that publishes only.
 */
bool broker_ask_backlog(struct broker *broker, struct err *err);
/* The last answer, -1 as long as there is none. */
int64_t broker_backlog(const struct broker *broker);

/*
 * Takes no more deliveries; those in the air stay valid. Some that were on
 * their way may still arrive, and want to be returned.
 */
bool broker_stop_consuming(struct broker *broker, struct err *err);
