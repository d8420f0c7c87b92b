/*
 * Lease: all phases that have come in are claimed together, and so are all
 * validations. Jobs that are void are settled; those that somebody else has,
 * and those of a credential that has no place on this belt now, come back.
 */
#include "lease.h"

#include "batch.h"
#include "meters.h"
#include "parcel.h"
#include "tenant.h"

#include <byoc/clock.h>
#include <byoc/log.h>

enum { PAUSE_FIRST_MS = 5 };

static void fill_facts(struct worker *worker, struct flight *flight)
{
	const struct lease *lease = &flight->lease;
	struct facts *facts = &flight->facts;

	facts->arena = flight->arena;
	facts->cluster = lease->cluster;
	facts->phase = flight->job.type == JOB_CLUSTER_PHASE
			       ? plan_find(lease->goal, flight->job.phase)
			       : &credential_phase;
	if (facts->phase && facts->phase->pace)
		facts->pace = &worker->paces[facts->phase->pace];
	facts->index = flight->job.index;
	facts->run = flight->job.run;
	facts->lease_count = lease->lease_count;
	facts->failures = lease->failures;
	facts->outages = lease->outages;
	facts->age_ms = lease->age_ms;
	facts->older_leases = lease->older_leases;
	facts->prices_due = lease->prices_due;
	facts->audit_due = lease->audit_due;
	facts->audited = lease->audited;
	facts->audited_count = lease->audited_count;
	facts->worker_sources = worker->settings->worker_sources;
	facts->removal = lease->removal;
	facts->now_unix = clock_unix_ms() / 1000;
	for (size_t i = 0; i < lease->resource_count; i++)
		facts_add(facts, &lease->resources[i]);
}

static void turn_away(struct worker *worker, struct flight *flight)
{
	struct tenant *tenant =
		tenant_find(worker, flight->lease.credential_id);

	meters_job(worker, flight, "crowded");
	parcel_come_back(worker, flight, tenant_turn_away(worker, tenant));
}

/* What waits for no time waits for who has it now, mostly for some ms. */
static int hold_ms(struct flight *flight)
{
	if (flight->lease.wait_ms > 0)
		return flight->lease.wait_ms;
	flight->pause_ms =
		flight->pause_ms ? 2 * flight->pause_ms : PAUSE_FIRST_MS;
	return flight->pause_ms;
}

/*
 * The broker has queues for some delays only: what is due within less than the
 * shortest of them waits here, without a lease.
 */
static void hold(struct worker *worker, struct flight *flight)
{
	int wait_ms = hold_ms(flight);

	if (parcel_come_back_sooner(worker, flight, wait_ms))
		return;
	flight->due_ms = worker->now_ms + wait_ms;
	flights_hold(&worker->held, flight);
}

static void let_go(struct worker *worker)
{
	struct flights *held = &worker->held;

	while (held->first && held->first->due_ms <= worker->now_ms) {
		struct flight *flight = flights_take(held);
		flights_add(&worker->leases[flight_lease_kind(flight)].waiting,
			flight);
	}
}

/* Void ones go to `settled`. */
static void sort(struct worker *worker, struct flight *flight, int64_t sent_ms,
	struct flights *settled)
{
	switch (flight->lease.verdict) {
	case LEASE_TAKEN:
		flight_take_lease(worker, flight, sent_ms);
		if (!flight->err.kind)
			fill_facts(worker, flight);
		flights_add(&worker->ready, flight);
		break;
	case LEASE_BUSY:
		meters_job(worker, flight, "busy");
		hold(worker, flight);
		break;
	case LEASE_CROWDED:
		turn_away(worker, flight);
		break;
	case LEASE_UNKNOWN:
		parcel_unknown_record(worker, flight);
		break;
	case LEASE_VOID:
		meters_job(worker, flight, "void");
		log_event(LOG_DEBUG, "job.void",
			log_text("job", flight->job.id), LOG_END);
		flights_add(settled, flight);
		break;
	}
}

static struct lease_ask *list_asks(
	const struct batch *batch, struct arena *arena)
{
	struct lease_ask *asks =
		arena_take(arena, batch->in_air.count * sizeof *asks);
	size_t count = 0;

	for (struct flight *f = batch->in_air.first; f; f = f->next)
		asks[count++] = (struct lease_ask){
			.job = &f->job,
			.mine = f->maybe_leased,
			.arena = f->arena,
			.lease = &f->lease,
			.err = &f->err,
		};
	return asks;
}

static void take_answer(struct worker *worker, struct batch *batch)
{
	struct arena *arena = arena_new();
	struct flights settled = {0};

	store_read_leases(batch->transaction, list_asks(batch, arena),
		batch->in_air.count);
	for (struct flight *f; (f = flights_take(&batch->in_air));)
		sort(worker, f, batch->sent_ms, &settled);
	parcel_rows(worker, batch->transaction, &settled);
	batch_end(batch);
	arena_free(arena);
}

static void send_leases(struct worker *worker, struct batch *batch)
{
	struct arena *arena = arena_new();
	struct lease_terms terms = {
		.worker = worker->id,
		.lease_ms = LEASE_MS,
	};

	tenant_list_places(worker, arena, &terms);
	batch->transaction = store_send_leases(worker->store, &terms,
		list_asks(batch, arena), batch->in_air.count);
	arena_free(arena);
}

void lease(struct worker *worker)
{
	let_go(worker);
	for (size_t i = 0; i < LEASE_KIND_COUNT; i++) {
		struct batch *batch = &worker->leases[i];

		if (batch_is_answered(worker, batch))
			take_answer(worker, batch);
		if (batch_load(worker, batch, BATCH_MOST))
			send_leases(worker, batch);
	}
}
