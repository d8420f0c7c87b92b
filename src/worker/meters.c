/* Every meter of the worker, by its name. */
#include "meters.h"

#include <string.h>

#define FAST_SECONDS                                                           \
	{                                                                      \
		0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,    \
			2.5, 5, 10                                             \
	}
#define SLOW_SECONDS                                                           \
	{                                                                      \
		0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800,    \
			3600                                                   \
	}
#define SIZES                                                                  \
	{                                                                      \
		1, 2, 4, 8, 16, 32, 64, 128, 256                               \
	}

static const struct meter_kind kinds[] = {
	[METER_DELIVERIES] = {"byoc_deliveries_total", "Deliveries taken"},
	[METER_JOBS] = {"byoc_jobs_total",
		"Jobs by what became of them; busy, crowded and lost ones come "
		"back",
		{"type", "phase", "result"}},
	[METER_JOB_SECONDS] = {"byoc_job_seconds",
		"From a job's delivery until its outcome is stored",
		{"type", "phase"}, FAST_SECONDS},
	[METER_PHASE_SECONDS] = {"byoc_phase_seconds",
		"From a phase's first lease until it is done or has failed",
		{"goal", "phase"}, SLOW_SECONDS},
	[METER_BATCH_JOBS] = {"byoc_batch_jobs", "Jobs in one transaction",
		{"statement"}, SIZES},
	[METER_DATABASE_SECONDS] = {"byoc_database_seconds",
		"From sending a transaction until its answer", {"statement"},
		FAST_SECONDS},
	[METER_API_REQUESTS] = {"byoc_api_requests_total",
		"Calls to Hetzner's API and to clusters, by their answer's "
		"status; 0: none",
		{"api", "method", "kind", "status"}},
	[METER_API_SECONDS] = {"byoc_api_request_seconds",
		"From sending a call until its answer",
		{"api", "method", "kind"}, FAST_SECONDS},
	[METER_HELD_BACK] = {"byoc_api_held_back_total",
		"Calls put off to spare a rate limit"},
	[METER_PUBLISHED] = {"byoc_messages_published_total",
		"Messages sent to the broker"},
	[METER_REFUSED] = {"byoc_messages_refused_total",
		"Messages that the broker did not take"},
	[METER_RELAYED] = {"byoc_messages_relayed_total",
		"Messages published from the outbox later on"},
	[METER_REQUEUED] = {"byoc_jobs_requeued_total",
		"Jobs that the watchdog missed and published anew"},
	[METER_RECONNECTS] = {"byoc_reconnects_total",
		"Connections opened again after a failure", {"door"}},
	[METER_SPANS] = {"byoc_spans_total",
		"Spans of traces: sent, refused by the collector, or dropped",
		{"result"}},
};
_Static_assert(COUNT(kinds) == METER_COUNT, "explain every meter");

void meters_init(struct meter meters[METER_COUNT])
{
	for (size_t i = 0; i < METER_COUNT; i++)
		meters[i] = (struct meter){.kind = &kinds[i]};
}

void meters_clear(struct meter meters[METER_COUNT])
{
	for (size_t i = 0; i < METER_COUNT; i++)
		meter_clear(&meters[i]);
}

void meters_add(struct worker *worker, enum meter_name name, size_t count)
{
	meter_add(&worker->meters[name], NULL, (double)count);
}

void meters_count(struct worker *worker, enum meter_name name)
{
	meters_add(worker, name, 1);
}

static const char *type_of(const struct flight *flight)
{
	return flight->job.id[0]
		       ? words_text(&job_type_words, (int)flight->job.type)
		       : "unknown";
}

/* Only names of ours: what a message says has no bound. */
static const char *phase_of(const struct flight *flight)
{
	bool is_phase = flight->job.type == JOB_CLUSTER_PHASE;

	return is_phase && flight->facts.phase ? flight->facts.phase->name : "";
}

void meters_job(
	struct worker *worker, struct flight *flight, const char *result)
{
	const char *values[] = {type_of(flight), phase_of(flight), result};

	flight->result = result;
	meter_add(&worker->meters[METER_JOBS], values, 1);
	values[2] = NULL;
	meter_add(&worker->meters[METER_JOB_SECONDS], values,
		(double)(worker->now_ms - flight->received_ms) / 1000);
}

void meters_finished(struct worker *worker, const struct flight *flight)
{
	if (flight->job.type != JOB_CLUSTER_PHASE || !flight->facts.phase)
		return;
	const char *values[] = {
		words_text(&goal_words, (int)flight->lease.goal),
		phase_of(flight)};
	double seconds = (double)(flight->lease.age_ms + worker->now_ms -
				  flight->leased_ms) /
			 1000;
	meter_add(&worker->meters[METER_PHASE_SECONDS], values, seconds);
}

void meters_transaction(struct worker *worker, const struct transaction *over,
	int64_t sent_ms, size_t jobs)
{
	const char *values[] = {transaction_name(over)};

	meter_add(&worker->meters[METER_DATABASE_SECONDS], values,
		(double)(worker->now_ms - sent_ms) / 1000);
	if (jobs)
		meter_add(&worker->meters[METER_BATCH_JOBS], values,
			(double)jobs);
}

/* "/servers/17/actions" is of "servers". */
void meters_sent(
	struct worker *worker, struct call *call, const struct request *request)
{
	const char *name = request->path + (request->path[0] == '/');
	size_t length = request->server ? 0 : strcspn(name, "/?");

	call->sent_ms = worker->now_ms;
	call->method = request->method;
	snprintf(call->kind, sizeof call->kind, "%.*s", (int)length, name);
}

void meters_call(struct worker *worker, const struct call *call)
{
	char status[8];
	const char *values[] = {call->to_cluster ? "cluster" : "hetzner",
		method_word(call->method), call->kind, status};

	snprintf(status, sizeof status, "%d", call->reply.status);
	meter_add(&worker->meters[METER_API_REQUESTS], values, 1);
	values[3] = NULL;
	meter_add(&worker->meters[METER_API_SECONDS], values,
		(double)(worker->now_ms - call->sent_ms) / 1000);
}

void meters_reconnect(struct worker *worker, const struct link *link)
{
	meter_add(&worker->meters[METER_RECONNECTS],
		(const char *[]){link->name}, 1);
}
