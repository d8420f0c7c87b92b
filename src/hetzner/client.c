/*
 * The door to the Hetzner Cloud API: one curl multi handle that all transfers
 * share with their connections. curl frees its memory without wiping it, and a
 * token passes through its buffers: so its memory is ours to free, wiped.
 */
#include "transfer.h"

#include <byoc/wipe.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Connections to clusters are used once; as many of them as the caller has
 * calls to clusters in the air, and no more than these. */
enum { CLUSTER_CONNECTIONS_MOST = 256 };

struct hetzner_client {
	CURLM *multi;
	struct hetzner_client_options options;
	char *endpoint, *ca_file;
	struct transfer *all;  /* every one there is */
	struct transfer *idle; /* to be used again */
	struct transfer *complete, **complete_end;
	size_t in_flight;
	struct curl_waitfd *waits;
	size_t wait_room;
};

static bool start(struct hetzner_client *client)
{
	long most = client->options.max_connections;

	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_and_free,
		    wipe_and_resize, strdup, calloc))
		return false;
	client->multi = curl_multi_init();
	if (!client->multi)
		return false;
	curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
		most + CLUSTER_CONNECTIONS_MOST);
	curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, most);
	/* Those to clusters are counted, too, and would drive out others. */
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS,
		most + CLUSTER_CONNECTIONS_MOST);
	return true;
}

struct hetzner_client *hetzner_client_new(
	const struct hetzner_client_options *options, struct err *err)
{
	struct hetzner_client *client = memory_new(sizeof *client);
	const char *ca_file = options->ca_file ? options->ca_file : "";

	client->options = *options;
	client->endpoint = memory_copy_text(options->endpoint);
	client->ca_file = memory_copy_text(ca_file);
	client->options.endpoint = client->endpoint;
	client->options.ca_file = client->ca_file;
	client->complete_end = &client->complete;
	if (*ca_file && access(ca_file, R_OK))
		err_set(err, ERR_BAD_INPUT, "ca_file",
			"cannot read the certificates trusted for Hetzner, %s: "
			"%s",
			ca_file, strerror(errno));
	else if (start(client))
		return client;
	else
		err_set(err, ERR_BUG, "http_client", "curl does not start");
	hetzner_client_free(client);
	return NULL;
}

void hetzner_client_free(struct hetzner_client *client)
{
	if (!client)
		return;
	while (client->all) {
		struct transfer *transfer = client->all;
		client->all = transfer->next_all;
		if (transfer->in_air)
			curl_multi_remove_handle(client->multi, transfer->easy);
		transfer_free(transfer);
	}
	curl_multi_cleanup(client->multi);
	curl_global_cleanup();
	free(client->endpoint);
	free(client->ca_file);
	free(client->waits);
	free(client);
}

static struct transfer *take_idle(struct hetzner_client *client)
{
	struct transfer *transfer = client->idle;

	if (transfer) {
		client->idle = transfer->next;
		transfer->next = NULL;
		return transfer;
	}
	transfer = transfer_new(&client->options);
	transfer->next_all = client->all;
	client->all = transfer;
	return transfer;
}

/* Queues it for hetzner_client_next_reply(). */
static void completed(struct hetzner_client *client, struct transfer *transfer,
	CURLcode result)
{
	transfer->in_air = false;
	transfer->result = result;
	*client->complete_end = transfer;
	client->complete_end = &transfer->next;
}

static void begin(
	struct hetzner_client *client, struct transfer *transfer, void *tag)
{
	transfer->tag = tag;
	client->in_flight++;
	transfer->in_air = true;
	if (curl_multi_add_handle(client->multi, transfer->easy))
		completed(client, transfer, CURLE_FAILED_INIT);
}

void hetzner_client_send(struct hetzner_client *client,
	const struct request *request, const struct secret *token, void *tag)
{
	struct transfer *transfer = take_idle(client);

	transfer_prepare(transfer, client->endpoint, request, token);
	begin(client, transfer, tag);
}

void hetzner_client_send_to_cluster(struct hetzner_client *client,
	const struct request *request, const struct cluster_identity *identity,
	void *tag)
{
	struct transfer *transfer = take_idle(client);

	transfer_prepare_to_cluster(transfer, request, identity);
	begin(client, transfer, tag);
}

void hetzner_client_turn(struct hetzner_client *client)
{
	CURLMsg *message;
	int running, left;

	curl_multi_perform(client->multi, &running);
	while ((message = curl_multi_info_read(client->multi, &left))) {
		struct transfer *transfer;
		CURLcode result = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(
			message->easy_handle, CURLINFO_PRIVATE, &transfer);
		curl_multi_remove_handle(client->multi, transfer->easy);
		completed(client, transfer, result);
	}
}

bool hetzner_client_next_reply(
	struct hetzner_client *client, struct reply *reply, void **tag)
{
	struct transfer *transfer = client->complete;

	if (!transfer)
		return false;
	client->complete = transfer->next;
	if (!client->complete)
		client->complete_end = &client->complete;
	client->in_flight--;
	*tag = transfer->tag;
	transfer_finish(transfer, reply);
	transfer_reset(transfer);
	transfer->next = client->idle;
	client->idle = transfer;
	return true;
}

size_t hetzner_client_in_flight(const struct hetzner_client *client)
{
	return client->in_flight;
}

void hetzner_client_poll(struct hetzner_client *client,
	const struct pollfd *sockets, size_t count, int timeout_ms)
{
	if (count > client->wait_room) {
		client->waits = memory_resize(
			client->waits, count, sizeof *client->waits);
		client->wait_room = count;
	}
	for (size_t i = 0; i < count; i++)
		client->waits[i] = (struct curl_waitfd){
			.fd = sockets[i].fd,
			.events = (short)((sockets[i].events & POLLIN
							  ? CURL_WAIT_POLLIN
							  : 0) |
					  (sockets[i].events & POLLOUT
							  ? CURL_WAIT_POLLOUT
							  : 0)),
		};
	/* What is complete already must not wait. */
	if (client->complete)
		timeout_ms = 0;
	curl_multi_poll(client->multi, client->waits, (unsigned)count,
		timeout_ms, NULL);
}
