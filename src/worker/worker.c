/* The tick: every stage of the belt once, then sleep until something moves. */
#include "worker.h"

#include <byoc/clock.h>
#include <byoc/log.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
	SLEEP_MOST_MS = 1000, /* heartbeats want to be looked after */
	TICK_SLOW_MS = 100,
};

enum { SOCKET_SIGNALS, SOCKET_METRICS, SOCKET_CONSUME, SOCKET_PUBLISH };

/* Deliveries that are not begun are given back, the rest is finished. */
static void begin_draining(struct worker *worker)
{
	struct err err = {0};

	if (worker->draining)
		return;
	worker->draining = true;
	worker->drain_end_ms =
		worker->now_ms + worker->settings->drain_timeout_s * 1000;
	log_event(LOG_INFO, "worker.draining",
		log_i64("in_flight", (int64_t)worker->flight_count), LOG_END);
	if (worker->broker && !broker_stop_consuming(worker->broker, &err))
		links_lose_broker(worker, &err);
}

static void read_signals(struct worker *worker)
{
	struct signalfd_siginfo info;

	while (read(worker->signals, &info, sizeof info) == sizeof info)
		begin_draining(worker);
}

static void give_back_unbegun(struct worker *worker)
{
	struct err err = {0};

	for (struct flight *f; (f = flights_take(&worker->received));) {
		if (worker->broker && f->link == worker->link &&
			!broker_return(worker->broker, f->delivery->tag, &err))
			links_lose_broker(worker, &err);
		worker->flight_count--;
		flight_free(f);
	}
}

static void sooner(int *timeout_ms, int64_t in_ms)
{
	if (in_ms < *timeout_ms)
		*timeout_ms = in_ms > 0 ? (int)in_ms : 0;
}

static int sleep_ms(const struct worker *worker)
{
	int timeout = SLEEP_MOST_MS;
	int64_t now = clock_now_ms();

	if (worker->store && (worker->received.count || worker->finished.count))
		return 0;
	if (worker->ready.count)
		return 0;
	if (worker->gathered.first)
		sooner(&timeout, worker->gathered.first->gathered_ms +
					 POLL_WINDOW_MS - now);
	if (!worker->store)
		sooner(&timeout, worker->store_link.next_try_ms - now);
	if (!worker->broker && !worker->draining)
		sooner(&timeout, worker->broker_link.next_try_ms - now);
	if (worker->store && worker->broker)
		sooner(&timeout, worker->next_relay_ms - now);
	if (worker->draining)
		sooner(&timeout, worker->drain_end_ms - now);
	return timeout;
}

static void sleep_until_something(struct worker *worker)
{
	int sockets[] = {
		[SOCKET_SIGNALS] = worker->signals,
		[SOCKET_METRICS] =
			worker->metrics ? metrics_socket(worker->metrics) : -1,
		[SOCKET_CONSUME] = -1,
		[SOCKET_PUBLISH] = -1,
	};

	if (worker->broker)
		broker_sockets(worker->broker, &sockets[SOCKET_CONSUME]);
	hetzner_client_poll(worker->client, sockets, NULL, COUNT(sockets),
		sleep_ms(worker));
}

void worker_tick(struct worker *worker)
{
	worker->now_ms = clock_now_ms();
	read_signals(worker);
	links_keep(worker);
	intake_receive(worker);
	if (worker->draining)
		give_back_unbegun(worker);
	intake_lease(worker);
	step_ready(worker);
	call_collect(worker);
	call_send_gathered(worker);
	commit_finished(worker);
	upkeep(worker);
	publish_confirm(worker);
	if (worker->metrics)
		metrics_serve(worker->metrics);

	int64_t took = clock_now_ms() - worker->now_ms;
	if (took > TICK_SLOW_MS)
		log_event(LOG_DEBUG, "tick.slow", log_i64("took_ms", took),
			LOG_END);
	sleep_until_something(worker);
}

bool worker_is_done(const struct worker *worker)
{
	if (worker->fatal.kind)
		return true;
	if (!worker->draining)
		return false;
	return worker->now_ms >= worker->drain_end_ms ||
	       (worker->flight_count == 0 &&
		       worker->tickets_first == worker->tickets_end);
}
