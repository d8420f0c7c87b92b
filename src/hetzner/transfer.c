/*
 * One request on a curl easy handle. The token is written into one locked
 * place, which the header list points to: curl_slist_append would copy it.
 */
#include "transfer.h"

#include <openssl/ssl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ANSWER_MAX = 2 * 1024 * 1024,
	CLUSTER_ANSWER_MAX = 64 * 1024, /* they are not trusted */
	CLUSTER_TOLD_MAX =
		1024 * 1024, /* a page of nodes, which is only scanned */
	HEADERS_MAX = 64 * 1024,
	ANSWER_KEPT = 8 * 1024, /* larger buffers are not kept for the next */
	AUTHORIZATION_SIZE = 512,
	CONNECT_TIMEOUT_MS = 10 * 1000,
	CLUSTER_CONNECT_TIMEOUT_MS = 3 * 1000,
};

#define BEARER "Authorization: Bearer "

/* Of a header nothing is kept here, but curl keeps them all. */
static size_t take_header(char *bytes, size_t one, size_t size, void *context)
{
	struct transfer *transfer = context;

	(void)bytes;
	(void)one; /* always 1 */
	transfer->header_size += size;
	if (transfer->header_size <= HEADERS_MAX)
		return size;
	transfer->oversized = true;
	return 0; /* curl gives up: CURLE_WRITE_ERROR */
}

static size_t most_of(const struct transfer *transfer)
{
	if (!transfer->to_cluster)
		return ANSWER_MAX;
	return transfer->asks ? CLUSTER_TOLD_MAX : CLUSTER_ANSWER_MAX;
}

static void drop_answer(struct transfer *transfer)
{
	if (transfer->answer)
		sodium_memzero(transfer->answer, transfer->size);
	free(transfer->answer);
	transfer->answer = NULL;
	transfer->room = 0;
}

/* Not by realloc, which would leave what it has copied behind: an answer may
 * repeat what was asked. */
static void grow_answer(struct transfer *transfer, size_t by)
{
	size_t room = 2 * transfer->room + by;
	char *larger = memory_new(room);

	if (transfer->size)
		memcpy(larger, transfer->answer, transfer->size);
	drop_answer(transfer);
	transfer->answer = larger;
	transfer->room = room;
}

static size_t take_answer(char *bytes, size_t one, size_t size, void *context)
{
	struct transfer *transfer = context;
	size_t most = most_of(transfer);

	(void)one; /* always 1 */
	if (size > most - transfer->size) {
		transfer->oversized = true;
		return 0;
	}
	if (transfer->room - transfer->size < size)
		grow_answer(transfer, size);
	memcpy(transfer->answer + transfer->size, bytes, size);
	transfer->size += size;
	return size;
}

/* OpenSSL has memory of its own, too: what it has decrypted it is to wipe. */
static CURLcode set_up_tls(CURL *easy, void *tls, void *context)
{
	(void)easy;
	(void)context;
	SSL_CTX_set_options(tls, SSL_OP_CLEANSE_PLAINTEXT);
	return CURLE_OK;
}

static CURL *new_handle(
	struct transfer *transfer, const struct hetzner_client_options *options)
{
	CURL *easy = curl_easy_init();

	if (!easy) {
		fputs("out of memory for curl\n", stderr);
		abort();
	}
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->trouble);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, set_up_tls);
	/* Not HTTP/2: nghttp2 has memory of its own, which nobody wipes and in
	 * which tokens stay. Connections are used again either way. */
	curl_easy_setopt(
		easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
	curl_easy_setopt(
		easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "byoc-worker/" BYOC_VERSION);
	if (options->ca_file && *options->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
	/* Plain http is for loopback alone and must not leave by a proxy. */
	if (strncmp(options->endpoint, "https:", 6) != 0)
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	return easy;
}

struct transfer *transfer_new(const struct hetzner_client_options *options)
{
	/* Of a Secret that was applied its metadata come back, not its data:
	 * "Metadata-only fetches" in "Kubernetes API Concepts". */
	static char narrow[] = "Accept: application/json"
			       ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
	struct transfer *transfer = memory_new(sizeof *transfer);

	secret_init(&transfer->authorization, AUTHORIZATION_SIZE);
	transfer->headers[0].data = transfer->authorization.bytes;
	transfer->headers[2].data = narrow;
	transfer->easy = new_handle(transfer, options);
	return transfer;
}

void transfer_free(struct transfer *transfer)
{
	curl_easy_cleanup(transfer->easy);
	secret_clear(&transfer->authorization);
	secret_clear(&transfer->body);
	drop_answer(transfer);
	free(transfer);
}

static char *content_type(const struct request *request)
{
	/* Without a body there is no type of it: "Name:" removes a header. */
	static char none[] = "Content-Type:";
	static char json[] = "Content-Type: application/json";
	static char merge[] = "Content-Type: application/merge-patch+json";
	static char apply[] = "Content-Type: application/apply-patch+yaml";

	if (request->manifest.bytes)
		return apply;
	if (request->method == METHOD_PATCH)
		return merge;
	return request->body || request->user_data.bytes ? json : none;
}

static void set_method(struct transfer *transfer, const struct request *request)
{
	CURL *easy = transfer->easy;
	bool sends = request->method == METHOD_POST ||
		     request->method == METHOD_PATCH ||
		     request->method == METHOD_PUT;

	transfer->headers[1].data = content_type(request);
	transfer->headers[1].next =
		request->manifest.bytes ? &transfer->headers[2] : NULL;
	transfer->headers[0].next = sends ? &transfer->headers[1] : NULL;
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
	if (sends) {
		request_write_body(request, &transfer->body);
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(
			easy, CURLOPT_POSTFIELDS, transfer->body.bytes);
		curl_easy_setopt(
			easy, CURLOPT_POSTFIELDSIZE, (long)transfer->body.size);
	} else {
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	}
	if (request->method == METHOD_DELETE ||
		request->method == METHOD_PATCH ||
		request->method == METHOD_PUT)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
			method_word(request->method));
}

static void set_url(
	struct transfer *transfer, const char *base, const char *path)
{
	size_t length = strlen(base) + strlen(path) + 1;
	char *url = memory_new(length);

	snprintf(url, length, "%s%s", base, path);
	curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
	free(url);
	transfer->trouble[0] = '\0';
}

void transfer_prepare(struct transfer *transfer, const char *endpoint,
	const struct request *request, const struct secret *token)
{
	size_t size = token->size;

	if (size > AUTHORIZATION_SIZE - strlen(BEARER))
		size = AUTHORIZATION_SIZE - strlen(BEARER);
	char *line = transfer->authorization.bytes;
	memcpy(line, BEARER, strlen(BEARER));
	memcpy(line + strlen(BEARER), token->bytes, size);
	line[strlen(BEARER) + size] = '\0';
	transfer->endpoint = endpoint;
	set_url(transfer, endpoint, request->path);
	set_method(transfer, request);
	curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static void set_pem(
	struct transfer *transfer, CURLoption option, const struct secret *pem)
{
	struct curl_blob blob = {
		.data = pem->bytes, .len = pem->size, .flags = CURL_BLOB_COPY};

	curl_easy_setopt(transfer->easy, option, &blob);
}

void transfer_prepare_to_cluster(struct transfer *transfer,
	const struct request *request, const struct cluster_identity *identity)
{
	transfer->to_cluster = true;
	transfer->asks = request->method == METHOD_GET;
	curl_easy_setopt(transfer->easy, CURLOPT_CONNECTTIMEOUT_MS,
		(long)CLUSTER_CONNECT_TIMEOUT_MS);
	curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, 1L);
	/* Its own authority alone, and none of the system's. */
	curl_easy_setopt(transfer->easy, CURLOPT_CAPATH, NULL);
	set_pem(transfer, CURLOPT_CAINFO_BLOB, &identity->authority);
	set_pem(transfer, CURLOPT_SSLCERT_BLOB, &identity->certificate);
	set_pem(transfer, CURLOPT_SSLKEY_BLOB, &identity->key);
	set_url(transfer, request->server, request->path);
	set_method(transfer, request);
	curl_easy_setopt(
		transfer->easy, CURLOPT_HTTPHEADER, transfer->headers[0].next);
}

static int64_t number_header(CURL *easy, const char *name)
{
	struct curl_header *header;
	char *end;

	if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header))
		return -1;
	long long number = strtoll(header->value, &end, 10);
	return end == header->value || number < 0 ? -1 : number;
}

/* An answer that repeats the token is none of Hetzner's, and what is read of it
 * would be kept where nobody wipes it. */
static bool shows_token(const struct transfer *transfer)
{
	const char *token = transfer->authorization.bytes + strlen(BEARER);
	size_t size = strlen(token);

	return transfer->size && size &&
	       memmem(transfer->answer, transfer->size, token, size);
}

/* Was anybody there? A request begins when a connection is made. */
static bool nobody_there(const struct transfer *transfer)
{
	curl_off_t begun_us = 0;

	curl_easy_getinfo(
		transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &begun_us);
	return transfer->result == CURLE_COULDNT_RESOLVE_HOST ||
	       transfer->result == CURLE_COULDNT_CONNECT ||
	       (transfer->result == CURLE_OPERATION_TIMEDOUT && !begun_us);
}

/*
 * The same sentence each time: curl's own words have the milliseconds in them,
 * and may hold what a cluster has said.
 */
static void tell_silence(const struct transfer *transfer, struct reply *reply)
{
	const char *plain = curl_easy_strerror(transfer->result);
	char text[sizeof reply->message];

	if (transfer->to_cluster) {
		reply_lost(reply, plain);
	} else if (nobody_there(transfer)) {
		snprintf(text, sizeof text,
			"nothing answers at %.100s (%s). Look whether "
			"BYOC_HCLOUD_ENDPOINT is right and the way there open",
			transfer->endpoint, plain);
		reply_lost(reply, text);
	} else if (transfer->result == CURLE_OPERATION_TIMEDOUT) {
		reply_lost(reply, "it did not answer in time");
	} else {
		reply_lost(
			reply, *transfer->trouble ? transfer->trouble : plain);
	}
}

void transfer_finish(struct transfer *transfer, struct reply *reply)
{
	long status = 0;

	if (transfer->oversized) {
		reply_lost(reply, "the answer is too large");
		return;
	}
	if (transfer->result != CURLE_OK) {
		tell_silence(transfer, reply);
		return;
	}
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (transfer->to_cluster) {
		reply_read_cluster(reply, (int)status);
		if (transfer->asks && reply->class == REPLY_OK &&
			transfer->size > 0)
			reply_keep(reply, transfer->answer, transfer->size);
	} else if (shows_token(transfer)) {
		reply_lost(reply, "the answer repeats the token, as Hetzner's "
				  "never do");
	} else {
		reply_read(
			reply, (int)status, transfer->answer, transfer->size);
		reply->rate_limit =
			number_header(transfer->easy, "RateLimit-Limit");
		reply->rate_remaining =
			number_header(transfer->easy, "RateLimit-Remaining");
	}
}

static void forget_identity(struct transfer *transfer)
{
	CURL *easy = transfer->easy;
	char *system_authorities = NULL;

	curl_easy_setopt(
		easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 0L);
	curl_easy_getinfo(easy, CURLINFO_CAPATH, &system_authorities);
	curl_easy_setopt(easy, CURLOPT_CAPATH, system_authorities);
	curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, NULL);
	curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, NULL);
	curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, NULL);
	transfer->to_cluster = false;
}

void transfer_reset(struct transfer *transfer)
{
	curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, NULL);
	if (transfer->to_cluster)
		forget_identity(transfer);
	sodium_memzero(transfer->authorization.bytes, AUTHORIZATION_SIZE);
	secret_clear(&transfer->body);
	if (transfer->room > ANSWER_KEPT)
		drop_answer(transfer);
	else if (transfer->size)
		sodium_memzero(transfer->answer, transfer->size);
	transfer->size = transfer->header_size = 0;
	transfer->oversized = false;
	transfer->result = CURLE_OK;
}
