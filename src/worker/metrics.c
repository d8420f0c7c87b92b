/*
 * Metrics and health over HTTP, by libmicrohttpd without a thread of its own:
 * the loop watches its epoll socket and lets it run.
 */
#include "metrics.h"

#include "meters.h"
#include "tenant.h"

#include <byoc/listen.h>
#include <byoc/log.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

struct metrics {
	const struct worker *worker;
	struct MHD_Daemon *daemon;
};

static void write_gauge(
	FILE *out, const char *name, const char *help, double value)
{
	meter_write_head(out, name, help, "gauge");
	fprintf(out, "%s %.15g\n", name, value);
}

static void write_build(FILE *out)
{
	meter_write_head(
		out, "byoc_build_info", "The version that runs", "gauge");
	fputs("byoc_build_info{version=\"" BYOC_VERSION "\"} 1\n", out);
}

static void write_belt(const struct worker *worker, FILE *out)
{
	int64_t backlog =
		worker_has_broker(worker) ? broker_backlog(worker->broker) : -1;

	write_gauge(out, "byoc_belt_places", "Jobs that this worker may hold",
		worker->settings->max_in_flight);
	write_gauge(out, "byoc_belt_jobs", "Jobs that it holds",
		(double)worker->flight_count);
	write_gauge(out, "byoc_api_requests_in_flight", "Calls in the air",
		(double)hetzner_client_in_flight(worker->client));
	write_gauge(out, "byoc_messages_unconfirmed",
		"Messages that no confirm has come for",
		(double)worker->unconfirmed);
	write_gauge(out, "byoc_database_up", "Is there a connection?",
		worker_has_store(worker));
	write_gauge(out, "byoc_broker_up", "Is there a connection?",
		worker_has_broker(worker));
	if (backlog >= 0)
		write_gauge(out, "byoc_queue_jobs",
			"Jobs that nobody has taken yet", (double)backlog);
}

/* The same from every worker: take the largest. */
static void write_common(const struct worker *worker, FILE *out)
{
	write_gauge(out, "byoc_outbox_late_seconds",
		"How long the oldest message has been due",
		(double)worker->gauges.outbox_late_ms / 1000);
	meter_write_head(out, "byoc_clusters", "Clusters by status", "gauge");
	for (int i = 0; i < CLUSTER_STATUS_COUNT; i++)
		fprintf(out, "byoc_clusters{status=\"%s\"} %lld\n",
			words_text(&cluster_status_words, i),
			(long long)worker->gauges.clusters[i]);
}

static void write_metrics(const struct worker *worker, FILE *out)
{
	write_build(out);
	for (size_t i = 0; i < METER_COUNT; i++)
		meter_write(&worker->meters[i], out);
	write_belt(worker, out);
	write_common(worker, out);
	tenants_write_rates(worker, out);
}

static void write_link(FILE *out, const struct link *link, bool up)
{
	if (up)
		fprintf(out, "%s up\n", link->name);
	else
		fprintf(out, "%s down: %s\n", link->name,
			link->failure.kind ? link->failure.text
					   : "it is being opened");
}

static bool write_readiness(const struct worker *worker, FILE *out)
{
	bool store = worker_has_store(worker);
	bool broker = worker_has_broker(worker);

	write_link(out, &worker->store_link, store);
	write_link(out, &worker->broker_link, broker);
	if (worker->draining)
		fputs("draining\n", out);
	return store && broker && !worker->draining;
}

static unsigned answer(const struct worker *worker, const char *path, FILE *out)
{

	if (strcmp(path, "/metrics") == 0) {
		write_metrics(worker, out);
		return MHD_HTTP_OK;
	}
	if (strcmp(path, "/healthz") == 0) {
		fputs("ok\n", out);
		return MHD_HTTP_OK;
	}
	if (strcmp(path, "/readyz") == 0)
		return write_readiness(worker, out)
			       ? MHD_HTTP_OK
			       : MHD_HTTP_SERVICE_UNAVAILABLE;
	fputs("There are /metrics, /healthz and /readyz.\n", out);
	return MHD_HTTP_NOT_FOUND;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection,
	const char *path, const char *method, const char *version,
	const char *upload, size_t *upload_size, void **request)
{
	const struct metrics *metrics = context;
	char *text = NULL;
	size_t size = 0;

	(void)version, (void)upload, (void)upload_size, (void)request;
	if (strcmp(method, "GET") != 0)
		return MHD_NO;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return MHD_NO;
	unsigned status = answer(metrics->worker, path, out);
	if (fclose(out))
		return MHD_NO;
	struct MHD_Response *response = MHD_create_response_from_buffer(
		size, text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(
		response, "Content-Type", "text/plain; version=0.0.4");
	enum MHD_Result result =
		MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

struct metrics *metrics_start(const struct worker *worker, struct err *err)
{
	const char *listen = worker->settings->http_listen;
	struct sockaddr_storage address;

	if (!listen_read(listen, &address))
		abort(); /* the settings were checked */
	struct metrics *metrics = memory_new(sizeof *metrics);
	metrics->worker = worker;
	unsigned flags = MHD_USE_EPOLL;
	if (address.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	metrics->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle,
		metrics, MHD_OPTION_SOCK_ADDR, &address,
		MHD_OPTION_CONNECTION_LIMIT, 32U, MHD_OPTION_CONNECTION_TIMEOUT,
		10U, MHD_OPTION_END);
	if (metrics->daemon) {
		log_event(LOG_INFO, "metrics.on",
			log_i64("port", MHD_get_daemon_info(metrics->daemon,
						MHD_DAEMON_INFO_BIND_PORT)
						->port),
			LOG_END);
		return metrics;
	}
	free(metrics);
	err_set(err, ERR_RETRY, "cannot_listen",
		"%s is not free: there are no metrics", listen);
	return NULL;
}

void metrics_stop(struct metrics *metrics)
{
	if (!metrics)
		return;
	MHD_stop_daemon(metrics->daemon);
	free(metrics);
}

int metrics_socket(const struct metrics *metrics)
{
	return MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_EPOLL_FD)
		->epoll_fd;
}

void metrics_serve(struct metrics *metrics)
{
	MHD_run(metrics->daemon);
}
