/*
 * Drain: after SIGTERM or SIGINT no more deliveries are taken, those that are
 * not begun are given back, and the rest is finished, within a time.
 */
#include "drain.h"

#include "flight.h"

#include <byoc/log.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void begin(struct worker *worker)
{
	struct err err = {0};

	if (worker->draining)
		return;
	worker->draining = true;
	worker->drain_end_ms =
		worker->now_ms + worker->settings->drain_timeout_s * 1000;
	log_event(LOG_INFO, "worker.draining",
		log_i64("in_flight", (int64_t)worker->flight_count), LOG_END);
	if (worker_has_broker(worker) &&
		!broker_stop_consuming(worker->broker, &err))
		link_fail(&worker->broker_link, &err);
}

/* To give a suspect back would count against it: it is finished. */
static void give_back(struct worker *worker, struct flights *flights)
{
	struct flights suspects = {0};
	struct err err = {0};

	for (struct flight *f; (f = flights_take(flights));) {
		if (f->delivery->suspect) {
			flights_add(&suspects, f);
			continue;
		}
		if (worker_has_broker(worker) && f->link == worker->link &&
			!broker_return(worker->broker, f->delivery->tag, &err))
			link_fail(&worker->broker_link, &err);
		worker->flight_count--;
		flight_free(f);
	}
	*flights = suspects;
}

static void give_back_unbegun(struct worker *worker)
{
	struct batch *const batches[] = {&worker->starts, &worker->kubeconfigs,
		&worker->leases[LEASE_PHASES],
		&worker->leases[LEASE_VALIDATIONS]};

	for (size_t i = 0; i < COUNT(batches); i++) {
		give_back(worker, &batches[i]->waiting);
		give_back(worker, &batches[i]->alone);
		give_back(worker, &batches[i]->later);
	}
	give_back(worker, &worker->held);
}

void drain(struct worker *worker)
{
	struct signalfd_siginfo info;

	while (read(worker->signals, &info, sizeof info) == sizeof info)
		begin(worker);
	if (worker->draining)
		give_back_unbegun(worker);
}
