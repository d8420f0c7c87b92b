/*
 * Links to broker and database: a door that is marked as failed is closed, and
 * a closed one is opened, with pauses that double from a quarter of a second to
 * eight. What will not mend by itself (a topology conflict, an old schema) ends
 * the worker at its start, and is only waited for once it has worked: somebody
 * is probably upgrading.
 */
#include "links.h"

#include "meters.h"
#include "opening.h"

#include <byoc/log.h>
#include <byoc/schema.h>

enum { BACKOFF_FIRST_MS = 250, BACKOFF_MOST_MS = 8000 };

static void *open_store(const struct settings *settings, struct err *err)
{
	return store_open(&settings->database_url, SCHEMA_VERSION, err);
}

static void *open_broker(const struct settings *settings, struct err *err)
{
	const struct broker_options options = {
		.url = &settings->amqp_url,
		.ca_file = settings->amqp_ca_file,
		.name = "byoc-worker",
		.prefetch = settings->max_in_flight,
	};

	return broker_open(&options, err);
}

static void pause(struct worker *worker, struct link *link)
{
	link->backoff_ms =
		link->backoff_ms ? link->backoff_ms * 2 : BACKOFF_FIRST_MS;
	if (link->backoff_ms > BACKOFF_MOST_MS)
		link->backoff_ms = BACKOFF_MOST_MS;
	link->next_try_ms = worker->now_ms + link->backoff_ms;
	log_event(LOG_WARN, "link.failed", log_text("link", link->name),
		LOG_ERR(&link->failure),
		log_i64("next_try_ms", link->backoff_ms), LOG_END);
	if (link->failure.kind != ERR_RETRY && !link->was_open)
		worker->fatal = link->failure;
}

/* The open door, if one has been opened just now. */
static void *look(struct worker *worker, struct link *link)
{
	struct err err = {0};

	if (!link->opening || !opening_is_over(link->opening))
		return NULL;
	void *door = opening_end(link->opening, &err);
	link->opening = NULL;
	link->failure = err;
	if (!door) {
		pause(worker, link);
		return NULL;
	}
	if (link->was_open)
		meters_reconnect(worker, link);
	link->was_open = true;
	link->backoff_ms = 0;
	log_event(
		LOG_INFO, "link.opened", log_text("link", link->name), LOG_END);
	return door;
}

static void open_if_due(
	struct worker *worker, struct link *link, open_door *open)
{
	struct err err = {0};

	if (link->opening || worker->now_ms < link->next_try_ms)
		return;
	link->opening = opening_begin(open, worker->settings, &err);
	if (!link->opening) {
		link->failure = err;
		pause(worker, link);
	}
}

static void keep_store(struct worker *worker)
{
	struct link *link = &worker->store_link;
	struct err err = {0};

	if (worker->store && !store_turn(worker->store, worker->now_ms, &err))
		link_fail(link, &err);
	if (worker->store && link->failure.kind) {
		store_free(worker->store);
		worker->store = NULL;
		pause(worker, link);
	}
	if (!worker->store)
		worker->store = look(worker, link);
	if (!worker->store)
		open_if_due(worker, link, open_store);
}

static void keep_broker(struct worker *worker)
{
	struct link *link = &worker->broker_link;
	struct err err = {0};

	if (worker->broker && !broker_turn(worker->broker, &err))
		link_fail(link, &err);
	if (worker->broker && link->failure.kind) {
		broker_free(worker->broker);
		worker->broker = NULL;
		worker->link++;
		pause(worker, link);
	}
	if (!worker->broker && (worker->broker = look(worker, link)))
		worker->link++;
	if (!worker->broker && !worker->draining)
		open_if_due(worker, link, open_broker);
}

void links(struct worker *worker)
{
	worker->store_link.name = "database";
	worker->broker_link.name = "broker";
	keep_store(worker);
	keep_broker(worker);
	hetzner_client_turn(worker->client);
}

static bool leave(struct link *link, void **door)
{
	struct err ignored = {0};

	if (link->opening && !opening_is_over(link->opening))
		return false;
	if (link->opening)
		*door = opening_end(link->opening, &ignored);
	link->opening = NULL;
	return true;
}

bool links_stop(struct worker *worker)
{
	void *store = NULL, *broker = NULL;
	bool left = leave(&worker->store_link, &store) &
		    leave(&worker->broker_link, &broker);

	store_free(store);
	broker_free(broker);
	store_free(worker->store);
	broker_close(worker->broker);
	worker->store = NULL;
	worker->broker = NULL;
	return left;
}
