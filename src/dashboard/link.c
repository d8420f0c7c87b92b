/*
 * One consumer for all tabs, on the calling thread: what comes from the queue
 * is told to the tabs, and a connection that broke is made anew.
 */
#include "link.h"

#include <byoc/broker_queue.h>
#include <byoc/clock.h>
#include <byoc/json.h>
#include <signal.h>

enum { WAIT_MS = 500, TELL_MS = 3000 };

static const char queue[] = "consumer.dashboard";

static bool told_to_end(int timeout_ms)
{
	const struct timespec wait = {.tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000L};
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	return sigtimedwait(&ends, NULL, &wait) > 0;
}

static void tell_link(struct events *events, const char *text)
{
	struct json_object *told = json_new();

	json_add_text(told, "text", text);
	events_tell(events, "link", json_write(told));
	json_free(told);
}

static struct broker_console *open_link(
	const struct settings *settings, struct err *err)
{
	const struct broker_options options = {
		.url = &settings->amqp_url,
		.ca_file = settings->amqp_ca_file,
		.name = "byoc dashboard",
	};
	struct broker_console *broker = broker_console_open(&options, err);

	if (!broker || broker_console_consume(broker, queue, err))
		return broker;
	broker_console_free(broker);
	return NULL;
}

/* JSON again, so that it is one line; what is none is nobody's event. */
static void pass_on(struct events *events, const struct letter *letter)
{
	struct err ignored = {0};
	struct json_object *event = json_parse(
		letter->delivery.body, letter->delivery.size, &ignored);

	if (event)
		events_tell(events, "byoc", json_write(event));
	json_free(event);
}

static bool take(
	struct broker_console *broker, struct events *events, struct err *err)
{
	struct letter *letter = NULL;

	if (!broker_console_event(broker, WAIT_MS, &letter, err))
		return false;
	if (letter)
		pass_on(events, letter);
	letter_free(letter);
	return true;
}

void link_run(const struct settings *settings, struct events *events)
{
	struct broker_console *broker = NULL;
	struct err err = {0};
	int64_t told_ms = 0;

	while (!told_to_end(broker ? 0 : WAIT_MS)) {
		bool was_open = broker;

		if (!broker) {
			err_clear(&err);
			broker = open_link(settings, &err);
		} else if (!take(broker, events, &err)) {
			broker_console_free(broker);
			broker = NULL;
		}
		/* Again and again, which also shows what tabs are gone. */
		if (was_open != (broker != NULL) ||
			clock_now_ms() >= told_ms + TELL_MS) {
			tell_link(events, broker ? "Live" : err.text);
			told_ms = clock_now_ms();
		}
	}
	broker_console_free(broker);
}
