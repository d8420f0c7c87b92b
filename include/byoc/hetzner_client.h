/*
 * The door to the Hetzner Cloud API, and to the Kubernetes API of customers'
 * clusters: many requests in the air at once on one curl multi handle. TLS is
 * verified, redirects are not followed, and a request never outlives its
 * time-out.
 */
#pragma once

#include <byoc/cluster_keys.h>
#include <byoc/hetzner.h>
#include <poll.h>

struct hetzner_client;

struct hetzner_client_options {
	const char *endpoint; /* "https://api.hetzner.cloud/v1" */
	const char *ca_file;  /* PEM; NULL or "": the system's */
	int timeout_ms;       /* a whole request */
	int max_connections;  /* to the API; those to clusters come on top */
};

struct hetzner_client *hetzner_client_new(
	const struct hetzner_client_options *options, struct err *err);
/* Requests in the air are dropped. Takes NULL. */
void hetzner_client_free(struct hetzner_client *client);

/*
 * Sends a request with a token; `tag` comes back with its reply. Cannot fail:
 * what goes wrong becomes a lost reply. Nothing is borrowed after the call.
 */
void hetzner_client_send(struct hetzner_client *client,
	const struct request *request, const struct secret *token, void *tag);

/* The same to the Kubernetes API of request->server. */
void hetzner_client_send_to_cluster(struct hetzner_client *client,
	const struct request *request, const struct cluster_identity *identity,
	void *tag);

/* Moves transfers on without waiting. To be called every turn. */
void hetzner_client_turn(struct hetzner_client *client);

/* The next reply that is complete; false when there is none. The caller clears
 * it with reply_clear. */
bool hetzner_client_next_reply(
	struct hetzner_client *client, struct reply *reply, void **tag);

size_t hetzner_client_in_flight(const struct hetzner_client *client);

/*
 * Sleeps until a transfer moves, something happens to one of `sockets` (fd -1:
 * none), or `timeout_ms` has passed.
 */
void hetzner_client_poll(struct hetzner_client *client,
	const struct pollfd *sockets, size_t count, int timeout_ms);
