/* News: listening, losing the broker, finding it again. */
#include "feed.h"

#include <byoc/clock.h>
#include <poll.h>

/* Every look without a broker is a statement; a try for it may take seconds. */
enum { LOOK_MS = 500, TRY_MS = 2000, TRY_MOST_MS = 60000 };

static void tell(struct feed *feed, const char *why)
{
	if (!feed->told && feed->before_remark)
		feed->before_remark(feed->context);
	if (!feed->told)
		remark("%s; reading the database instead", why);
	feed->told = true;
}

static bool listen_to(
	struct broker_console *broker, const char *pattern, struct err *err)
{
	return broker && broker_console_watch(broker, pattern, err);
}

static void connect_broker(struct feed *feed)
{
	const struct broker_options options = {
		.url = &feed->settings->amqp_url,
		.ca_file = feed->settings->amqp_ca_file,
		.name = "byoc",
	};
	struct err err = {0};

	if (!feed->settings->amqp_url.bytes) {
		tell(feed, "BYOC_AMQP_URL is not set");
		return;
	}
	feed->broker = broker_console_open(&options, &err);
	if (listen_to(feed->broker, feed->pattern, &err)) {
		feed->told = false;
		feed->pause_ms = TRY_MS;
		return;
	}
	broker_console_free(feed->broker);
	feed->broker = NULL;
	feed->again_ms = clock_now_ms() + feed->pause_ms;
	if (feed->pause_ms < TRY_MOST_MS)
		feed->pause_ms *= 2;
	tell(feed, err.text);
}

void feed_open(struct feed *feed, const struct call *call, const char *cluster)
{
	feed->settings = &call->settings;
	feed->pause_ms = TRY_MS;
	if (cluster)
		snprintf(feed->pattern, sizeof feed->pattern, "cluster.%s.#",
			cluster);
	else
		snprintf(feed->pattern, sizeof feed->pattern, "#");
	connect_broker(feed);
}

void feed_close(struct feed *feed)
{
	broker_console_free(feed->broker);
	feed->broker = NULL;
}

static enum feed_news look_soon(struct feed *feed)
{
	feed->look_ms = clock_now_ms() + LOOK_MS;
	return FEED_LOOK;
}

static enum feed_news listen_on(
	struct feed *feed, int timeout_ms, struct letter **event)
{
	struct err err = {0};

	if (broker_console_event(feed->broker, timeout_ms, event, &err))
		return *event ? FEED_EVENT : FEED_SILENT;
	feed_close(feed);
	feed->again_ms = clock_now_ms() + feed->pause_ms;
	tell(feed, err.text);
	return look_soon(feed);
}

enum feed_news feed_wait(
	struct feed *feed, int timeout_ms, struct letter **event)
{
	int64_t now_ms = clock_now_ms();

	*event = NULL;
	if (feed->broker)
		return listen_on(feed, timeout_ms, event);
	if (feed->settings->amqp_url.bytes && now_ms >= feed->again_ms) {
		connect_broker(feed);
		return look_soon(feed);
	}
	if (feed->look_ms < now_ms + timeout_ms)
		timeout_ms = feed->look_ms > now_ms
				     ? (int)(feed->look_ms - now_ms)
				     : 0;
	(void)poll(NULL, 0, timeout_ms);
	return clock_now_ms() >= feed->look_ms ? look_soon(feed) : FEED_SILENT;
}
