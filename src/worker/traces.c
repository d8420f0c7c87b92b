/* Traces: gathered on the belt, sent by a thread. */
#include "traces.h"

#include "meters.h"

#include <byoc/clock.h>
#include <byoc/log.h>
#include <byoc/span.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	GATHERED_MOST = 2048, /* more are dropped: 1.5 MiB */
	HAND_OVER_MS = 1000,
	HAND_OVER_AT = 512,
	SEND_TIMEOUT_MS = 5000,
};

struct load {
	struct span *spans;
	size_t count;
};

struct traces {
	/* The belt's own. */
	struct load gathered;
	int64_t handed_over_ms;
	size_t dropped;
	/* Of both, under the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct load to_send;
	bool stopping;
	size_t sent;
	size_t refused;
	/* The thread's own. */
	pthread_t thread;
	CURL *curl;
	struct curl_slist *headers;
	const char *instance;
	bool complained;
};

/* ---- The thread ---- */

static size_t ignore(char *bytes, size_t size, size_t count, void *context)
{
	(void)bytes;
	(void)context;
	return size * count;
}

/* Once for each outage: a log line a second helps nobody. */
static void complain(struct traces *t, CURLcode code, long status)
{
	char text[64];

	snprintf(text, sizeof text, "it answered with status %ld", status);
	if (!t->complained)
		log_event(LOG_WARN, "traces.refused",
			log_text("text", code == CURLE_OK
						 ? text
						 : curl_easy_strerror(code)),
			LOG_END);
	t->complained = true;
}

static bool post(struct traces *t, const char *body)
{
	long status = 0;

	curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, body);
	CURLcode code = curl_easy_perform(t->curl);
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	bool taken = code == CURLE_OK && status >= 200 && status < 300;
	if (taken)
		t->complained = false;
	else
		complain(t, code, status);
	return taken;
}

static bool send_load(struct traces *t, const struct load *load)
{
	char *body = spans_write(
		load->spans, load->count, BYOC_VERSION, t->instance);
	bool taken = post(t, body);

	free(body);
	return taken;
}

static void *run(void *context)
{
	struct traces *t = context;

	pthread_mutex_lock(&t->mutex);
	while (true) {
		while (!t->to_send.count && !t->stopping)
			pthread_cond_wait(&t->changed, &t->mutex);
		if (!t->to_send.count)
			break;
		struct load load = t->to_send;
		t->to_send = (struct load){0};
		pthread_mutex_unlock(&t->mutex);
		bool taken = send_load(t, &load);
		free(load.spans);
		pthread_mutex_lock(&t->mutex);
		*(taken ? &t->sent : &t->refused) += load.count;
	}
	pthread_mutex_unlock(&t->mutex);
	return NULL;
}

static bool prepare_curl(struct traces *t, const struct settings *settings)
{
	t->curl = curl_easy_init();
	t->headers = curl_slist_append(NULL, "Content-Type: application/json");
	return t->curl && t->headers &&
	       curl_easy_setopt(t->curl, CURLOPT_URL,
		       settings->traces_endpoint) == CURLE_OK &&
	       curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http,https") ==
		       CURLE_OK &&
	       curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers) ==
		       CURLE_OK &&
	       curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS,
		       (long)SEND_TIMEOUT_MS) == CURLE_OK &&
	       curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, ignore) ==
		       CURLE_OK;
}

static void free_all(struct traces *t)
{
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->mutex);
	curl_slist_free_all(t->headers);
	curl_easy_cleanup(t->curl);
	free(t->gathered.spans);
	free(t->to_send.spans);
	free(t);
}

struct traces *traces_start(const struct worker *worker, struct err *err)
{
	if (!worker->settings->traces_endpoint[0])
		return NULL;
	struct traces *t = memory_new(sizeof *t);
	t->instance = worker->id;
	pthread_mutex_init(&t->mutex, NULL);
	pthread_cond_init(&t->changed, NULL);
	if (prepare_curl(t, worker->settings) &&
		pthread_create(&t->thread, NULL, run, t) == 0)
		return t;
	free_all(t);
	err_set(err, ERR_BUG, "no_traces",
		"cannot prepare the sending of traces: look at "
		"BYOC_TRACES_ENDPOINT, or unset it");
	return NULL;
}

/* ---- The belt ---- */

/* What does not fit is lost. Called with the mutex held. */
static void hand_over(struct traces *t)
{
	size_t room = GATHERED_MOST - t->to_send.count;
	size_t count = t->gathered.count < room ? t->gathered.count : room;

	t->dropped += t->gathered.count - count;
	if (count) {
		t->to_send.spans = memory_resize(t->to_send.spans,
			t->to_send.count + count, sizeof *t->to_send.spans);
		memcpy(&t->to_send.spans[t->to_send.count], t->gathered.spans,
			count * sizeof *t->gathered.spans);
		t->to_send.count += count;
		pthread_cond_signal(&t->changed);
	}
	t->gathered.count = 0;
}

void traces_stop(struct traces *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->mutex);
	hand_over(t);
	t->stopping = true;
	pthread_cond_signal(&t->changed);
	pthread_mutex_unlock(&t->mutex);
	pthread_join(t->thread, NULL);
	free_all(t);
}

static void count(struct worker *worker, const char *result, size_t *spans)
{
	if (*spans)
		meter_add(&worker->meters[METER_SPANS],
			(const char *[]){result}, (double)*spans);
	*spans = 0;
}

void traces(struct worker *worker)
{
	struct traces *t = worker->traces;

	if (!t || (t->gathered.count < HAND_OVER_AT &&
			  worker->now_ms - t->handed_over_ms < HAND_OVER_MS))
		return;
	t->handed_over_ms = worker->now_ms;
	pthread_mutex_lock(&t->mutex);
	hand_over(t);
	count(worker, "sent", &t->sent);
	count(worker, "refused", &t->refused);
	pthread_mutex_unlock(&t->mutex);
	count(worker, "dropped", &t->dropped);
}

/* From the clock of deadlines to the calendar. */
static int64_t unix_of(int64_t ms)
{
	return clock_unix_ms() - (clock_now_ms() - ms);
}

static void add(struct traces *t, const struct span *span)
{
	if (!t->gathered.spans)
		t->gathered.spans =
			memory_new(GATHERED_MOST * sizeof *t->gathered.spans);
	if (t->gathered.count == GATHERED_MOST)
		t->dropped++;
	else
		t->gathered.spans[t->gathered.count++] = *span;
}

void traces_receive(const struct worker *worker, struct flight *flight)
{
	const struct job *job = &flight->job;
	struct span span;
	char seed[UUID_SIZE + 16];

	if (!worker->traces)
		return;
	snprintf(seed, sizeof seed, "%s:%d", job->subject, job->run);
	if (!job->traceparent[0])
		span_root(&span, seed);
	else if (!span_follow(&span, job->traceparent))
		return;
	span.kind = SPAN_CONSUMER;
	span.begin_ms = unix_of(flight->received_ms);
	flight->span = memory_new(sizeof *flight->span);
	*flight->span = span;
}

static void add_call(struct worker *worker, const struct call *call,
	const struct flight *flight)
{
	struct span span;

	if (!flight->span)
		return;
	span_child(&span, flight->span);
	span.kind = SPAN_CLIENT;
	span.begin_ms = unix_of(call->sent_ms);
	span.end_ms = unix_of(worker->now_ms);
	span.failed = call->reply.status < 200 || call->reply.status >= 500;
	snprintf(span.name, sizeof span.name, "%s %s",
		method_word(call->method),
		call->to_cluster ? "cluster" : call->kind);
	span_add_text(&span, "http.request.method", method_word(call->method));
	span_add_i64(&span, "http.response.status_code", call->reply.status);
	add(worker->traces, &span);
}

void traces_call(struct worker *worker, const struct call *call)
{
	if (!worker->traces)
		return;
	if (call->asker)
		add_call(worker, call, call->asker);
	for (struct flight *f = call->flights.first; f; f = f->next)
		add_call(worker, call, f);
}

void traces_land(struct worker *worker, struct flight *flight)
{
	struct span *span = flight->span;
	const struct job *job = &flight->job;
	bool is_phase = job->type == JOB_CLUSTER_PHASE;
	const char *type = words_text(&job_type_words, (int)job->type);

	if (!span)
		return;
	span->end_ms = unix_of(worker->now_ms);
	span->failed = flight->err.kind != ERR_NONE;
	snprintf(span->name, sizeof span->name, "%s",
		is_phase ? job->phase : type);
	span_add_text(span, "messaging.message.id", job->id);
	span_add_text(span, "byoc.job.type", type);
	span_add_text(span,
		job_is_of_credential(job) ? "byoc.credential" : "byoc.cluster",
		job->subject);
	if (is_phase) {
		span_add_i64(span, "byoc.run", job->run);
		span_add_i64(span, "byoc.index", job->index);
		span_add_i64(span, "byoc.attempt", flight->lease.lease_count);
	}
	if (flight->result)
		span_add_text(span, "byoc.result", flight->result);
	if (span->failed)
		span_add_text(span, "error.type", flight->err.code);
	add(worker->traces, span);
}

void traces_event(
	struct worker *worker, const struct outbox_row *row, int64_t began_ms)
{
	struct span span;

	if (!worker->traces || !row->traceparent ||
		!traceparent_valid(row->traceparent) ||
		!span_follow(&span, row->traceparent))
		return;
	span.kind = SPAN_PRODUCER;
	span.begin_ms = unix_of(began_ms);
	span.end_ms = unix_of(worker->now_ms);
	snprintf(span.name, sizeof span.name, "publish %s", row->type);
	span_add_text(&span, "messaging.system", "rabbitmq");
	span_add_text(&span, "messaging.message.id", row->message_id);
	add(worker->traces, &span);
}
