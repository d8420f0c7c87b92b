/*
 * One connection to RabbitMQ with one channel on it: opening, failing in plain
 * words, sending, and taking in what arrives, one thing at a time. Private to
 * this layer.
 */
#pragma once

#include "library.h"
#include <byoc/broker.h>
#include <byoc/broker_queue.h>

#define CHANNEL 1

enum arrival_kind {
	ARRIVAL_NONE,
	ARRIVAL_DELIVERED, /* a message for our consumer: letter */
	ARRIVAL_GOT,       /* a message we asked for: letter */
	ARRIVAL_EMPTY,     /* we asked for a message and there is none */
	ARRIVAL_RETURNED,  /* a mandatory message that no queue took: letter */
	ARRIVAL_ACKED,     /* confirm: tag, multiple */
	ARRIVAL_NACKED,
	ARRIVAL_COUNTED, /* a queue that we asked about: messages */
};

struct arrival {
	enum arrival_kind kind;
	uint64_t tag;
	bool multiple;
	uint32_t messages;
	struct letter *letter; /* the taker frees */
};

/* The message that is coming in, method and header first, then its body. */
struct incoming {
	enum arrival_kind kind; /* ARRIVAL_NONE: no message is coming in */
	uint64_t tag;
	char exchange[256];
	char routing_key[256];
	struct letter *letter; /* NULL until the header is here */
	size_t filled;         /* bytes of the body that are here */
};

struct connection {
	amqp_connection_state_t state;
	char peer[300];     /* HOST:PORT */
	size_t body_limit;  /* longer bodies are read and thrown away */
	bool blocked;       /* connection.blocked: an alarm at the broker */
	bool usable;        /* open, and nothing has failed on it */
	int64_t open_by_ms; /* opening it ends then, at the latest; 0: any */
	long certificate_error;
	struct incoming incoming;
};

/*
 * The requests that follow are part of opening, too, and end by `open_by_ms`
 * unless that is 0. Each by itself is answered within ten seconds.
 */
struct connection *connection_open(const struct broker_options *options,
	const char *purpose, int64_t open_by_ms, struct err *err);
/* Drops it, without waiting for anything. Takes NULL. */
void connection_free(struct connection *connection);
/* Takes leave before that: until then, or two seconds (0). Takes NULL. */
void connection_close(struct connection *connection, int64_t until_ms);

/* The next request has ten seconds, or what is left for opening. */
void connection_limit_answers(struct connection *connection);

/* Opens the channel again after the broker has closed it. */
bool connection_reopen_channel(struct connection *connection, struct err *err);

/*
 * Takes in the next thing that has arrived; waits `timeout_ms` for it. With
 * nothing there it's true and ARRIVAL_NONE.
 */
bool connection_next(struct connection *connection, int timeout_ms,
	struct arrival *arrival, struct err *err);

/*
 * Bytes that have been written and have not arrived yet, with the kernel's own
 * for keeping them, in hundredths of all that the socket holds. Writing waits
 * at 100.
 */
int connection_load(const struct connection *connection);

/* connection_sent(c, amqp_basic_ack(c->state, ...), err): did it go out? */
bool connection_sent(
	struct connection *connection, int status, struct err *err);

/* Was the library's last request answered with yes? `doing` "declare x". */
bool connection_agreed(
	struct connection *connection, const char *doing, struct err *err);

/* The same for a reply at hand; while logging in `doing` says who and where. */
bool connection_reply(struct connection *connection, amqp_rpc_reply_t reply,
	const char *doing, struct err *err);

/* Sends a message; waits while the socket has no room for it. */
bool connection_publish(struct connection *connection,
	const struct message *message, struct err *err);

/* Declares every exchange, queue and binding; see topology.c. */
bool topology_declare(struct connection *connection, struct err *err);
bool topology_declare_consumer(struct connection *connection,
	const struct consumer *consumer, struct err *err);

/* Makes the context of a TLS socket refuse all but the right broker. */
amqp_socket_t *tls_socket_new(struct connection *connection, const char *host,
	const char *ca_file, struct err *err);
bool tls_failed(struct connection *connection, int status, struct err *err);

/* A message in one piece of memory; its body is still to be filled in. */
struct letter *letter_new(const struct incoming *incoming,
	const amqp_basic_properties_t *properties, uint64_t body_size,
	size_t body_limit);
