/*
 * Metrics and health over HTTP, by libmicrohttpd without a thread of its own:
 * the loop watches its epoll socket and lets it run.
 */
#include "worker.h"

#include <arpa/inet.h>
#include <byoc/log.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct metrics {
	const struct worker *worker;
	struct MHD_Daemon *daemon;
};

static const struct {
	const char *name;
	const char *help;
} counters[] = {
	[COUNT_RECEIVED] = {"jobs_received", "Deliveries taken"},
	[COUNT_DONE] = {"jobs_done",
		"Phases, validations and kubeconfigs done"},
	[COUNT_WAIT] = {"jobs_waiting", "Phases that came to wait"},
	[COUNT_RETRY] = {"jobs_retried", "Attempts that failed for now"},
	[COUNT_FAIL] = {"jobs_failed", "Phases that failed or were parked"},
	[COUNT_VOID] = {"jobs_void", "Jobs that had been done or replaced"},
	[COUNT_BUSY] = {"jobs_busy", "Jobs leased by another worker"},
	[COUNT_LEASE_LOST] = {"leases_lost", "Outcomes that came too late"},
	[COUNT_DEAD_LETTERED] = {"jobs_dead_lettered",
		"Messages that made no sense"},
	[COUNT_PUBLISHED] = {"messages_published", "Messages sent"},
	[COUNT_PUBLISH_REFUSED] = {"messages_refused",
		"Messages that the broker did not take"},
	[COUNT_RELAYED] = {"messages_relayed",
		"Messages published from the outbox later on"},
	[COUNT_REQUEUED] = {"jobs_requeued", "Jobs that the watchdog missed"},
	[COUNT_REQUESTS] = {"hetzner_requests", "Calls to the Hetzner API"},
	[COUNT_REQUEST_ERRORS] = {"hetzner_errors",
		"Calls that were not answered with success"},
	[COUNT_RATE_LIMITED] = {"hetzner_held_back",
		"Calls put off to spare the rate limit"},
	[COUNT_RECONNECTS] = {"reconnects", "New connections"},
};
_Static_assert(COUNT(counters) == COUNT_COUNT, "explain every counter");

static void write_gauge(
	FILE *out, const char *name, const char *help, size_t value)
{
	fprintf(out, "# HELP byoc_%s %s\n# TYPE byoc_%s gauge\nbyoc_%s %zu\n",
		name, help, name, name, value);
}

static void write_metrics(const struct worker *worker, FILE *out)
{
	for (size_t i = 0; i < COUNT_COUNT; i++)
		fprintf(out,
			"# HELP byoc_%s_total %s\n"
			"# TYPE byoc_%s_total counter\n"
			"byoc_%s_total %llu\n",
			counters[i].name, counters[i].help, counters[i].name,
			counters[i].name,
			(unsigned long long)worker->counts[i]);
	write_gauge(
		out, "jobs_in_flight", "Jobs in the air", worker->flight_count);
	write_gauge(out, "hetzner_requests_in_flight", "Calls in the air",
		hetzner_client_in_flight(worker->client));
	write_gauge(out, "database_up", "Is there a connection?",
		worker->store ? 1 : 0);
	write_gauge(out, "broker_up", "Is there a connection?",
		worker->broker ? 1 : 0);
}

static unsigned answer(const struct worker *worker, const char *path, FILE *out)
{
	bool ready = worker->store && worker->broker && !worker->draining;

	if (strcmp(path, "/metrics") == 0) {
		write_metrics(worker, out);
		return MHD_HTTP_OK;
	}
	if (strcmp(path, "/healthz") == 0) {
		fputs("ok\n", out);
		return MHD_HTTP_OK;
	}
	if (strcmp(path, "/readyz") == 0) {
		fprintf(out, "database %s\nbroker %s\n%s",
			worker->store ? "up" : "down",
			worker->broker ? "up" : "down",
			worker->draining ? "draining\n" : "");
		return ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
	}
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

/* "127.0.0.1:9400" or "[::1]:9400". */
static bool read_address(
	const char *text, struct sockaddr_storage *address, struct err *err)
{
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	char host[64] = "";
	unsigned port;
	char rest;

	*address = (struct sockaddr_storage){0};
	if (sscanf(text, "[%63[^]]]:%u%c", host, &port, &rest) == 2 &&
		port <= UINT16_MAX &&
		inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		return true;
	}
	if (sscanf(text, "%63[^:]:%u%c", host, &port, &rest) == 2 &&
		port <= UINT16_MAX &&
		inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		return true;
	}
	return err_set(err, ERR_BAD_INPUT, "bad_setting",
		"BYOC_HTTP_LISTEN: want ADDRESS:PORT, such as 127.0.0.1:9400");
}

struct metrics *metrics_start(const struct worker *worker, struct err *err)
{
	const char *listen = worker->settings->http_listen;
	struct sockaddr_storage address;

	if (!read_address(listen, &address, err))
		return NULL;
	struct metrics *metrics = memory_new(sizeof *metrics);
	metrics->worker = worker;
	unsigned flags = MHD_USE_EPOLL;
	if (address.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	metrics->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle,
		metrics, MHD_OPTION_SOCK_ADDR, &address,
		MHD_OPTION_CONNECTION_LIMIT, 32U, MHD_OPTION_CONNECTION_TIMEOUT,
		10U, MHD_OPTION_END);
	if (metrics->daemon)
		return metrics;
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
