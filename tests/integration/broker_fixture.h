/*
 * What the broker's integration tests share: a clean broker before each test,
 * opening, waiting with a deadline, and an AMQP client of their own for what
 * the library under test never does. RabbitMQ is found through AMQP_URL and
 * RABBITMQ_DIR, which `rabbitmq.sh with` sets.
 */
#pragma once

#include "library.h"

#include <byoc/broker.h>
#include <byoc/broker_queue.h>

extern struct err fixture_err;

/*
 * Declares the topology and empties its queues. It does not delete them: a
 * queue with at-least-once dead-lettering that is deleted while it's starting
 * brings down RabbitMQ 3.10's whole dead-lettering.
 */
void fixture_clean(void);

/* The test broker's URL with another "user:password" and vhost. */
void fixture_url(char url[256], const char *user, const char *vhost);

/* rabbitmq.sh VERB $RABBITMQ_DIR REST; must succeed. */
void fixture_rabbitmq(const char *verb, const char *rest);

/* An open broker; the test fails when it cannot be had. */
struct broker *fixture_open(int prefetch);
struct broker_options fixture_options(int prefetch);
struct broker_console *fixture_console(void);

/* A small persistent message to the job queue. */
struct message fixture_job(const char *message_id, const char *body);
uint64_t fixture_publish(struct broker *broker, const struct message *message);

/* Another publisher's, who has no bound; waits until the queue has it. */
void fixture_publish_large(const char *queue, const char *body, size_t size);

/* Turn until there is one, at most ten seconds; else the test fails. */
struct delivery *fixture_delivery(struct broker *broker);
struct confirm fixture_confirm(struct broker *broker);

/* Turns for a while: is there really none? */
void fixture_expect_no_delivery(struct broker *broker, int wait_ms);

/* Turns until it fails, and gives the failure. */
struct err fixture_failure(struct broker *broker);

int64_t fixture_now_ms(void);
void fixture_sleep_ms(int ms);

/* A plain connection to a vhost (NULL: the usual one), channel 1 open. */
amqp_connection_state_t fixture_client(const char *vhost);
void fixture_client_close(amqp_connection_state_t client);
