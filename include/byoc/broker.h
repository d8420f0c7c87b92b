/*
 * The door to RabbitMQ: topology, deliveries, publishing with confirms. Two
 * connections, one that consumes and one that publishes, because a broker in
 * alarm blocks connections that publish. Nothing here waits, except that
 * opening does for a few seconds at most and that writing blocks while the
 * socket's buffer is full.
 *
 * Once open, any failure returns false with an ERR_RETRY: the broker is then to
 * be freed and opened anew, and every delivery not acknowledged will come
 * again. A write that the broker does not take fails after 15 s, a broker that
 * gives no sign of life after 60 s.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>
#include <stddef.h>
#include <stdint.h>

#define BROKER_JOBS "byoc.jobs"      /* direct exchange, and the job queue */
#define BROKER_DEAD "byoc.jobs.dead" /* queue, reached by its name */
#define BROKER_EVENTS "byoc.events"  /* topic exchange */

/*
 * The smallest wait queue of at least `delay_ms` (the largest there is when
 * none is): "byoc.jobs.wait.<ms>". Its delay goes to *actual_ms. Static.
 */
const char *broker_wait_queue(int delay_ms, int *actual_ms);

struct broker_options {
	const struct secret *url; /* amqp:// or amqps:// with vhost */
	const char *ca_file;      /* PEM; NULL or "": the system's */
	const char *name;         /* connection name shown by RabbitMQ */
	int prefetch;             /* deliveries in the air; 0: publish only */
};

/* A larger body is not kept. */
enum { DELIVERY_BODY_MAX = 1024 * 1024 };

/* A message that was delivered; belongs to whom took it. */
struct delivery {
	uint64_t tag;
	bool redelivered;
	char *body;        /* a zero byte follows */
	size_t size;       /* above a MiB the body is not kept: it is "" then */
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
 * Connects, declares the topology and begins to consume. ERR_REFUSED is
 * "topology_conflict" (an existing exchange or queue has other arguments, and
 * is named), "access_refused" (login, vhost, permissions) or
 * "broker_certificate"; ERR_BAD_INPUT is "amqp_url" or "ca_file".
 */
struct broker *broker_open(
	const struct broker_options *options, struct err *err);
void broker_free(struct broker *broker); /* takes NULL; closes politely */

/* Connects, declares the topology and disconnects; idempotent. */
bool broker_declare_topology(
	const struct broker_options *options, struct err *err);

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
 * Sends; the answer comes later as the confirm of *ticket (1, 2, 3, ...). A
 * name, key or id of more than 255 bytes is ERR_BUG and does no harm. Better
 * not while broker_blocked(): the writing may come to a stop, too.
 */
bool broker_publish(struct broker *broker, const struct message *message,
	uint64_t *ticket, struct err *err);

/*
 * While held, what is sent goes out in large pieces; let go, the rest goes out
 * at once. Many small messages cost the network and the broker far less so.
 * TCP itself holds nothing back for longer than 200 ms (tcp(7), TCP_CORK).
 */
void broker_hold(struct broker *broker, bool hold);

/* The next answer to a published message; false when there is none yet. */
bool broker_next_confirm(struct broker *broker, struct confirm *confirm);

/* Has the broker asked to stop publishing (connection.blocked)? */
bool broker_blocked(const struct broker *broker);

bool broker_ack(struct broker *broker, uint64_t tag, struct err *err);
/* Gives the delivery back: another consumer gets it at once. */
bool broker_return(struct broker *broker, uint64_t tag, struct err *err);

/*
 * Takes no more deliveries; those in the air stay valid. Some that were on
 * their way may still arrive, and want to be returned.
 */
bool broker_stop_consuming(struct broker *broker, struct err *err);
