/*
 * Links to broker and database: opened when they are closed, with pauses that
 * double from a quarter of a second to eight. What will not mend by itself
 * (a topology conflict, an old schema) ends the worker at its start, and is
 * only waited for once it has worked: somebody is probably upgrading.
 */
#include "worker.h"

#include <byoc/log.h>
#include <byoc/migrate.h>

enum { BACKOFF_FIRST_MS = 250, BACKOFF_MOST_MS = 8000 };

static bool is_due(const struct worker *worker, const struct link *link)
{
	return worker->now_ms >= link->next_try_ms;
}

static void opened(struct worker *worker, struct link *link, const char *what)
{
	if (link->was_open)
		worker_count(worker, COUNT_RECONNECTS);
	link->was_open = true;
	link->backoff_ms = 0;
	log_event(LOG_INFO, "link.opened", log_text("link", what), LOG_END);
}

static void failed(struct worker *worker, struct link *link, const char *what,
	const struct err *err)
{
	link->backoff_ms =
		link->backoff_ms ? link->backoff_ms * 2 : BACKOFF_FIRST_MS;
	if (link->backoff_ms > BACKOFF_MOST_MS)
		link->backoff_ms = BACKOFF_MOST_MS;
	link->next_try_ms = worker->now_ms + link->backoff_ms;
	log_event(LOG_WARN, "link.failed", log_text("link", what), LOG_ERR(err),
		log_i64("next_try_ms", link->backoff_ms), LOG_END);
	if (err->kind != ERR_RETRY && !link->was_open)
		worker->fatal = *err;
}

static void open_store(struct worker *worker)
{
	struct err err = {0};

	worker->store = store_open(
		&worker->settings->database_url, schema_version(), &err);
	if (worker->store)
		opened(worker, &worker->store_link, "database");
	else
		failed(worker, &worker->store_link, "database", &err);
}

static void open_broker(struct worker *worker)
{
	const struct broker_options options = {
		.url = &worker->settings->amqp_url,
		.ca_file = worker->settings->amqp_ca_file,
		.name = "byoc-worker",
		.prefetch = worker->settings->max_in_flight,
	};
	struct err err = {0};

	worker->broker = broker_open(&options, &err);
	if (!worker->broker) {
		failed(worker, &worker->broker_link, "broker", &err);
		return;
	}
	worker->link++;
	opened(worker, &worker->broker_link, "broker");
}

void links_keep(struct worker *worker)
{
	if (!worker->store && is_due(worker, &worker->store_link))
		open_store(worker);
	if (!worker->broker && !worker->draining &&
		is_due(worker, &worker->broker_link))
		open_broker(worker);
}

void links_lose_store(struct worker *worker, const struct err *why)
{
	store_free(worker->store);
	worker->store = NULL;
	failed(worker, &worker->store_link, "database", why);
}

void links_lose_broker(struct worker *worker, const struct err *why)
{
	broker_free(worker->broker);
	worker->broker = NULL;
	publish_forget(worker);
	failed(worker, &worker->broker_link, "broker", why);
}
