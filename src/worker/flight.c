/* Flights: jobs in the air, and the lists that they stand in. */
#include "worker.h"

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

struct flight *flight_new(struct delivery *delivery, unsigned link)
{
	struct flight *flight = memory_new(sizeof *flight);

	flight->delivery = delivery;
	flight->link = link;
	flight->arena = arena_new();
	return flight;
}

static void clear_secrets(struct flight *flight)
{
	request_clear(&flight->ask.request);
	secret_clear(&flight->authorities);
	secret_clear(&flight->join_token);
}

void flight_reset(struct flight *flight)
{
	struct flight fresh = {
		.delivery = flight->delivery,
		.link = flight->link,
		.job = flight->job,
	};

	clear_secrets(flight);
	arena_free(flight->arena);
	fresh.arena = arena_new();
	*flight = fresh;
}

void flight_free(struct flight *flight)
{
	clear_secrets(flight);
	arena_free(flight->arena);
	delivery_free(flight->delivery);
	free(flight);
}
