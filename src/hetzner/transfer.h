/* One request in the air on a curl easy handle; within the client only. */
#pragma once

#include <byoc/hetzner_client.h>
#include <curl/curl.h>

/* A handle and its buffers are used again and again. */
struct transfer {
	struct transfer *next; /* in the list of idle or of complete ones */
	struct transfer *next_all;
	CURL *easy;
	void *tag;
	const char *endpoint;        /* Hetzner's, borrowed */
	struct secret authorization; /* the header's line */
	struct secret body;
	struct curl_slist headers[3]; /* Authorization, Content-Type, Accept;
				       * their data are not curl's */
	char *answer;
	size_t size, room;
	size_t header_size;
	bool oversized; /* the answer, or its headers */
	bool to_cluster;
	bool asks; /* a cluster, for what it has to tell */
	bool in_air;
	CURLcode result;
	char trouble[CURL_ERROR_SIZE];
};

struct transfer *transfer_new(const struct hetzner_client_options *options);
void transfer_free(struct transfer *transfer);

/* Makes the handle ready to be added to a multi handle. */
void transfer_prepare(struct transfer *transfer, const char *endpoint,
	const struct request *request, const struct secret *token);

void transfer_prepare_to_cluster(struct transfer *transfer,
	const struct request *request, const struct cluster_identity *identity);

/* Reads what came of it, and wipes what was secret. */
void transfer_finish(struct transfer *transfer, struct reply *reply);
/* Wipes what is secret and forgets the answer. */
void transfer_reset(struct transfer *transfer);
