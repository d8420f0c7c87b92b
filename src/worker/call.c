/*
 * Calls to Hetzner, and to clusters. Phases that wait for actions are asked for
 * together: one request for all of a credential's that came within a short
 * window.
 */
#include "worker.h"

#include <byoc/clock.h>
#include <byoc/log.h>
#include <stdlib.h>

enum { IDENTITY_LIFETIME_S = 300 };

/* One request in the air, and the flights that wait for its reply. */
struct call {
	struct flights flights;
	struct token *token;
};

static void send_call(
	struct worker *worker, struct call *call, const struct request *request)
{
	worker_count(worker, COUNT_REQUESTS);
	hetzner_client_send(worker->client, request, &call->token->plain, call);
}

void call_send(struct worker *worker, struct flight *flight)
{
	struct call *call = memory_new(sizeof *call);

	call->token = flight->token;
	flights_add(&call->flights, flight);
	send_call(worker, call, &flight->ask.request);
}

/* An administrator for as long as the request may take. */
bool call_send_to_cluster(
	struct worker *worker, struct flight *flight, struct err *err)
{
	struct cluster_identity identity = {0};
	bool ok = cluster_identity_mint(&flight->authorities, "byoc-worker",
		clock_unix_ms() / 1000, IDENTITY_LIFETIME_S, &identity, err);

	if (ok) {
		struct call *call = memory_new(sizeof *call);
		call->token = flight->token;
		flights_add(&call->flights, flight);
		hetzner_client_send_to_cluster(
			worker->client, &flight->ask.request, &identity, call);
	}
	cluster_identity_clear(&identity);
	return ok;
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

/* Takes flights of one token out of those gathered, as many as one asks for. */
static void take_company(struct worker *worker, struct call *call)
{
	struct flights rest = {0};
	size_t ids = 0;

	for (struct flight *f; (f = flights_take(&worker->gathered));) {
		bool fits = f->token == call->token &&
			    ids + f->ask.action_count <= POLL_IDS_MAX;
		ids += fits ? f->ask.action_count : 0;
		flights_add(fits ? &call->flights : &rest, f);
	}
	worker->gathered = rest;
}

void call_send_gathered(struct worker *worker)
{
	while (worker->gathered.first &&
		worker->now_ms - worker->gathered.first->gathered_ms >=
			POLL_WINDOW_MS) {
		struct call *call = memory_new(sizeof *call);
		struct arena *arena = arena_new();
		struct request request = {0};

		call->token = worker->gathered.first->token;
		take_company(worker, call);
		request_get(&request, arena, "%s", actions_path(arena, call));
		send_call(worker, call, &request);
		request_clear(&request);
		arena_free(arena);
	}
}

void call_collect(struct worker *worker)
{
	struct reply reply;
	void *tag;

	hetzner_client_turn(worker->client);
	while (hetzner_client_next_reply(worker->client, &reply, &tag)) {
		struct call *call = tag;

		if (reply.class != REPLY_OK)
			worker_count(worker, COUNT_REQUEST_ERRORS);
		token_note_rate(worker, call->token, &reply);
		for (struct flight *f; (f = flights_take(&call->flights));)
			step_take(worker, f, &reply);
		reply_clear(&reply);
		free(call);
	}
}
