/* The tick: the order of the stages is here and nowhere else. */
#include "tick.h"

#include "batch.h"
#include "call.h"
#include "commit.h"
#include "drain.h"
#include "kubeconfig.h"
#include "lease.h"
#include "links.h"
#include "metrics.h"
#include "opening.h"
#include "publish.h"
#include "receive.h"
#include "renew.h"
#include "start.h"
#include "step.h"
#include "traces.h"
#include "upkeep.h"

#include <byoc/clock.h>
#include <byoc/log.h>

enum {
	SLEEP_MOST_MS = 1000, /* heartbeats want to be looked after */
	HELD_UP_MS = 20,      /* the broker takes nothing just now */
	TICK_SLOW_MS = 100,
};

enum {
	SOCKET_SIGNALS,
	SOCKET_METRICS,
	SOCKET_OPENING_STORE,
	SOCKET_OPENING_BROKER,
	SOCKET_CONSUME,
	SOCKET_PUBLISH,
	SOCKET_STORE,
	SOCKET_COUNT = SOCKET_STORE + STORE_LANES,
};

static void sooner(int *timeout_ms, int64_t in_ms)
{
	if (in_ms < *timeout_ms)
		*timeout_ms = in_ms > 0 ? (int)in_ms : 0;
}

/* Also: what is there for the database that only waits for the next tick? */
static bool has_work(const struct worker *worker)
{
	if (worker->ready.count || worker->answered.first ||
		batch_can_load(worker, &worker->starts) ||
		batch_can_load(worker, &worker->kubeconfigs))
		return true;
	for (size_t i = 0; i < LEASE_KIND_COUNT; i++)
		if (batch_can_load(worker, &worker->leases[i]) ||
			batch_can_load(worker, &worker->outcomes[i]))
			return true;
	return false;
}

static void sooner_for_link(
	int *timeout_ms, const void *door, const struct link *link, int64_t now)
{
	if (door && link->failure.kind)
		*timeout_ms = 0;
	if (!door && !link->opening)
		sooner(timeout_ms, link->next_try_ms - now);
}

static int sleep_ms(const struct worker *worker)
{
	int timeout = SLEEP_MOST_MS;
	int64_t now = clock_now_ms();

	if (has_work(worker))
		return 0;
	if (worker->gathered.first)
		sooner(&timeout, worker->gathered.first->gathered_ms +
					 CALL_WINDOW_MS - now);
	if (worker->held.first)
		sooner(&timeout, worker->held.first->due_ms - now);
	for (size_t i = 0; i < LEASE_KIND_COUNT; i++)
		if (worker->outcomes[i].later.count &&
			!worker->outcomes[i].transaction)
			sooner(&timeout, worker->outcomes[i].later_ms - now);
	if (worker->to_publish.first)
		sooner(&timeout, HELD_UP_MS);
	sooner_for_link(&timeout, worker->store, &worker->store_link, now);
	if (!worker->draining || worker->broker)
		sooner_for_link(
			&timeout, worker->broker, &worker->broker_link, now);
	if (worker_has_store(worker) && worker_has_broker(worker))
		sooner(&timeout, upkeep_next_ms(worker) - now);
	if (worker->draining)
		sooner(&timeout, worker->drain_end_ms - now);
	return timeout;
}

static struct pollfd to_read(int fd)
{
	return (struct pollfd){.fd = fd, .events = POLLIN};
}

static void sleep_until_something(struct worker *worker)
{
	struct pollfd sockets[SOCKET_COUNT];
	int broker[2] = {-1, -1};
	const struct opening *store = worker->store_link.opening;
	const struct opening *other = worker->broker_link.opening;

	for (size_t i = 0; i < SOCKET_COUNT; i++)
		sockets[i] = to_read(-1);
	if (worker->broker)
		broker_sockets(worker->broker, broker);
	sockets[SOCKET_SIGNALS] = to_read(worker->signals);
	if (worker->metrics)
		sockets[SOCKET_METRICS] =
			to_read(metrics_socket(worker->metrics));
	if (store)
		sockets[SOCKET_OPENING_STORE] = to_read(opening_socket(store));
	if (other)
		sockets[SOCKET_OPENING_BROKER] = to_read(opening_socket(other));
	sockets[SOCKET_CONSUME] = to_read(broker[0]);
	sockets[SOCKET_PUBLISH] = to_read(broker[1]);
	if (worker->store)
		store_sockets(worker->store, &sockets[SOCKET_STORE]);
	hetzner_client_poll(
		worker->client, sockets, SOCKET_COUNT, sleep_ms(worker));
}

void tick(struct worker *worker)
{
	worker->now_ms = clock_now_ms();
	drain(worker);
	links(worker);
	receive(worker);
	start(worker);
	kubeconfig(worker);
	lease(worker);
	call_collect(worker);
	step(worker);
	call_send(worker);
	renew(worker);
	commit(worker);
	upkeep(worker);
	publish(worker);
	traces(worker);
	if (worker->metrics)
		metrics_serve(worker->metrics);

	int64_t took = clock_now_ms() - worker->now_ms;
	if (took > TICK_SLOW_MS)
		log_event(LOG_DEBUG, "tick.slow", log_i64("took_ms", took),
			LOG_END);
	sleep_until_something(worker);
}

static bool is_empty(const struct worker *worker)
{
	return worker->flight_count == 0 && !worker->to_publish.first &&
	       worker->unconfirmed == 0 && upkeep_is_idle(worker);
}

bool tick_was_last(const struct worker *worker)
{
	if (worker->fatal.kind)
		return true;
	return worker->draining &&
	       (worker->now_ms >= worker->drain_end_ms || is_empty(worker));
}
