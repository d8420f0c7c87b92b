/*
 * Calls to Hetzner, and to clusters. Questions that many flights of a
 * credential ask within a short window are asked once: what has become of
 * actions, and lists that are the same for all.
 */
#include "call.h"

#include "flight.h"
#include "meters.h"
#include "tenant.h"
#include "token.h"
#include "traces.h"

#include <byoc/clock.h>
#include <stdlib.h>
#include <string.h>

enum { IDENTITY_LIFETIME_S = 300, ACTION_IDS_MOST = 40 };

static struct call *call_new(struct worker *worker, const struct flight *flight)
{
	struct call *call = memory_new(sizeof *call);

	call->tenant = flight->tenant;
	call->token = flight->token;
	call->next_in_air = worker->calls;
	if (worker->calls)
		worker->calls->in_air_at = &call->next_in_air;
	call->in_air_at = &worker->calls;
	worker->calls = call;
	return call;
}

static void send_call(
	struct worker *worker, struct call *call, const struct request *request)
{
	meters_sent(worker, call, request);
	hetzner_client_send(
		worker->client, request, token_plain(call->token), call);
}

static void answer(struct worker *worker, struct call *call)
{
	if (call->to_cluster)
		tenant_end_cluster_call(worker, call->tenant);
	*call->in_air_at = call->next_in_air;
	if (call->next_in_air)
		call->next_in_air->in_air_at = call->in_air_at;
	*worker->answered.end = call;
	worker->answered.end = &call->next;
}

/* With an identity of our own, for as long as the request may take. */
static void send_to_cluster(
	struct worker *worker, struct call *call, const struct request *request)
{
	const struct flight *flight = call->asker;
	struct cluster_identity identity = {0};
	struct err err = {0};

	call->to_cluster = true;
	meters_sent(worker, call, request);
	if (cluster_identity_mint(&flight->authorities, GROUP_WORKERS,
		    "byoc-worker", clock_unix_ms() / 1000, IDENTITY_LIFETIME_S,
		    &identity, &err)) {
		hetzner_client_send_to_cluster(
			worker->client, request, &identity, call);
	} else {
		reply_lost(&call->reply, err.text);
		answer(worker, call);
	}
	cluster_identity_clear(&identity);
}

static void send_one(struct worker *worker, struct flight *flight, size_t nth)
{
	const struct request *request = ask_nth(&flight->ask, nth);
	struct call *call = call_new(worker, flight);

	call->asker = flight;
	call->nth = nth;
	if (request->server)
		send_to_cluster(worker, call, request);
	else
		send_call(worker, call, request);
}

static void send_own(struct worker *worker, struct flight *flight)
{
	flight->asked = flight->awaited = 1 + flight->ask.more_count;
	flight->replies = arena_take(
		flight->arena, flight->asked * sizeof *flight->replies);
	for (size_t i = 0; i < flight->asked; i++)
		send_one(worker, flight, i);
	/* They have been copied: no need to have their secrets twice. */
	ask_clear(&flight->ask);
}

/* May they be asked together? `ids` counts those of actions. */
static bool fits(
	const struct flight *first, const struct flight *flight, size_t ids)
{
	if (flight->token != first->token ||
		flight->ask.kind != first->ask.kind)
		return false;
	if (first->ask.kind == ASK_ACTIONS)
		return ids + flight->ask.action_count <= ACTION_IDS_MOST;
	return strcmp(flight->ask.request.path, first->ask.request.path) == 0;
}

static void take_company(struct worker *worker, struct call *call)
{
	const struct flight *first = worker->gathered.first;
	struct flights rest = {0};
	size_t ids = 0;

	for (struct flight *f; (f = flights_take(&worker->gathered));) {
		bool joins = fits(first, f, ids);
		ids += joins ? f->ask.action_count : 0;
		flights_add(joins ? &call->flights : &rest, f);
	}
	worker->gathered = rest;
}

/* "/actions?id=1&id=2" for all flights of a call. */
static const char *actions_path(struct arena *arena, const struct call *call)
{
	const char *path = "/actions?per_page=50";

	for (struct flight *f = call->flights.first; f; f = f->next)
		for (size_t i = 0; i < f->ask.action_count; i++)
			path = arena_format(arena, "%s&id=%lld", path,
				(long long)f->ask.actions[i]);
	return path;
}

static void send_shared(struct worker *worker)
{
	struct flight *first = worker->gathered.first;
	struct call *call = call_new(worker, first);
	struct arena *arena = arena_new();
	struct request actions = {0};

	take_company(worker, call);
	if (first->ask.kind == ASK_ACTIONS) {
		request_get(&actions, arena, "%s", actions_path(arena, call));
		send_call(worker, call, &actions);
	} else {
		send_call(worker, call, &first->ask.request);
	}
	request_clear(&actions);
	arena_free(arena);
}

/*
 * Who asks for a list and is alone with its credential need not wait for
 * company. What has become of actions is asked again and again, by many who
 * are not in the air all the time.
 */
static bool is_due(const struct worker *worker, const struct flight *first)
{
	if (first->ask.kind != ASK_ACTIONS && tenant_is_alone(first->tenant))
		return true;
	return worker->now_ms - first->gathered_ms >= CALL_WINDOW_MS;
}

void call_send(struct worker *worker)
{
	for (struct flight *f; (f = flights_take(&worker->calling));)
		send_own(worker, f);
	while (worker->gathered.first && is_due(worker, worker->gathered.first))
		send_shared(worker);
}

void call_collect(struct worker *worker)
{
	struct reply reply;
	void *tag;

	while (hetzner_client_next_reply(worker->client, &reply, &tag)) {
		struct call *call = tag;

		tenant_note_rate(worker, call->tenant, &reply);
		call->reply = reply;
		meters_call(worker, call);
		traces_call(worker, call);
		answer(worker, call);
	}
}

static void stop_one(struct call *call, struct flights *flights)
{
	if (call->asker && --call->asker->awaited == 0)
		flights_add(flights, call->asker);
	flights_move(flights, &call->flights);
	reply_clear(&call->reply);
	free(call);
}

void call_stop(struct worker *worker, struct flights *flights)
{
	struct call *call;

	while ((call = worker->calls)) {
		worker->calls = call->next_in_air;
		stop_one(call, flights);
	}
	while ((call = worker->answered.first)) {
		worker->answered.first = call->next;
		stop_one(call, flights);
	}
}
