/* Flights: jobs in the air, the lists that they stand in, and their leases. */
#include "flight.h"

#include "tenant.h"
#include "token.h"

#include <stdlib.h>

void flights_add(struct flights *flights, struct flight *flight)
{
	flight->next = NULL;
	if (flights->last)
		flights->last->next = flight;
	else
		flights->first = flight;
	flights->last = flight;
	flights->count++;
}

struct flight *flights_take(struct flights *flights)
{
	struct flight *flight = flights->first;

	if (!flight)
		return NULL;
	flights->first = flight->next;
	if (!flights->first)
		flights->last = NULL;
	flights->count--;
	return flight;
}

void flights_hold(struct flights *flights, struct flight *flight)
{
	struct flight **at = &flights->first;

	while (*at && (*at)->due_ms <= flight->due_ms)
		at = &(*at)->next;
	flight->next = *at;
	*at = flight;
	if (!flight->next)
		flights->last = flight;
	flights->count++;
}

void flights_move(struct flights *to, struct flights *from)
{
	if (!from->first)
		return;
	if (to->last)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	to->count += from->count;
	*from = (struct flights){0};
}

struct flight *flight_new(
	const struct worker *worker, struct delivery *delivery)
{
	struct flight *flight = memory_new(sizeof *flight);

	flight->delivery = delivery;
	flight->link = worker->link;
	flight->received_ms = worker->now_ms;
	flight->arena = arena_new();
	return flight;
}

static void clear(struct flight *flight)
{
	for (size_t i = 0; i < flight->asked; i++)
		reply_clear(&flight->replies[i]);
	ask_clear(&flight->ask);
	secret_clear(&flight->authorities);
	secret_clear(&flight->join_token);
}

void flight_reset(struct flight *flight)
{
	struct flight fresh = {
		.delivery = flight->delivery,
		.link = flight->link,
		.received_ms = flight->received_ms,
		.job = flight->job,
		.maybe_leased = flight->maybe_leased,
		.span = flight->span,
	};

	clear(flight);
	arena_free(flight->arena);
	fresh.arena = arena_new();
	*flight = fresh;
}

void flight_free(struct flight *flight)
{
	clear(flight);
	arena_free(flight->arena);
	delivery_free(flight->delivery);
	free(flight->span);
	free(flight);
}

enum lease_kind flight_lease_kind(const struct flight *flight)
{
	return flight->job.type == JOB_CLUSTER_PHASE ? LEASE_PHASES
						     : LEASE_VALIDATIONS;
}

void flight_take_lease(
	struct worker *worker, struct flight *flight, int64_t from_ms)
{
	flight->maybe_leased = false;
	flight->leased_ms = flight->lease_from_ms = from_ms;
	flight->next_leased = worker->leased;
	if (worker->leased)
		worker->leased->leased_at = &flight->next_leased;
	flight->leased_at = &worker->leased;
	worker->leased = flight;
	flight->tenant = tenant_find(worker, flight->lease.credential_id);
	tenant_join(worker, flight->tenant);
}

void flight_end_lease(struct worker *worker, struct flight *flight)
{
	if (!flight->lease_from_ms)
		return;
	flight->lease_from_ms = 0;
	*flight->leased_at = flight->next_leased;
	if (flight->next_leased)
		flight->next_leased->leased_at = flight->leased_at;
	tenant_leave(
		worker, flight->tenant, worker->now_ms - flight->leased_ms);
	token_release(worker, flight->token);
	flight->token = NULL;
}
