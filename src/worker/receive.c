/*
 * Receive: deliveries become flights, each before the transaction that it
 * begins with. What cannot be understood is dead-lettered; what has been on too
 * many belts that broke goes to the suspects, unread.
 */
#include "receive.h"

#include "flight.h"
#include "meters.h"
#include "parcel.h"
#include "traces.h"

#include <stdio.h>

static bool is_suspect(const struct delivery *delivery)
{
	return !delivery->suspect &&
	       delivery->redeliveries >= SUSPECT_REDELIVERIES;
}

static struct batch *first_batch(
	struct worker *worker, const struct flight *flight)
{
	switch (flight->job.type) {
	case JOB_CLUSTER_KUBECONFIG:
		return &worker->kubeconfigs;
	case JOB_CLUSTER_PHASE:
		return &worker->leases[LEASE_PHASES];
	case JOB_CREDENTIAL_VALIDATE:
	case JOB_CREDENTIAL_AUDIT:
		return &worker->leases[LEASE_VALIDATIONS];
	case JOB_CLUSTER_PROVISION:
	case JOB_CLUSTER_TEARDOWN:
	case JOB_CLUSTER_REFRESH:
	case JOB_CLUSTER_REPAIR:
	case JOB_TYPE_COUNT:
		break;
	}
	return &worker->starts;
}

static void decode(struct worker *worker, struct flight *flight)
{
	const struct delivery *delivery = flight->delivery;
	struct job *job = &flight->job;
	struct err err = {0};

	if (!job_decode(delivery->body, delivery->size, job, &err)) {
		parcel_dead_letter(worker, flight, &err);
		return;
	}
	if (!job->traceparent[0] && delivery->traceparent &&
		traceparent_valid(delivery->traceparent))
		snprintf(job->traceparent, sizeof job->traceparent, "%s",
			delivery->traceparent);
	traces_receive(worker, flight);
	flights_add(&first_batch(worker, flight)->waiting, flight);
}

void receive(struct worker *worker)
{
	struct delivery *delivery;

	while (worker_has_broker(worker) &&
		(delivery = broker_next_delivery(worker->broker))) {
		struct flight *flight = flight_new(worker, delivery);

		meters_count(worker, METER_DELIVERIES);
		worker->flight_count++;
		if (is_suspect(delivery))
			parcel_forward(worker, flight, BROKER_SUSPECTS);
		else
			decode(worker, flight);
	}
}
