/*
 * News of what happens: by the broker's events, without asking anybody, or,
 * where there is no broker, by looking into the database again and again. The
 * database alone knows all; events are the bell that rings.
 */
#pragma once

#include "command.h"
#include <byoc/broker_queue.h>

struct feed {
	const struct settings *settings;
	char pattern[80]; /* of routing keys */
	struct broker_console *broker;
	bool told;        /* that there is none, since there was one */
	int64_t again_ms; /* when to try for the broker again */
	int pause_ms;     /* how long after that, if it fails again */
	int64_t look_ms;  /* without a broker: when to look */
	/* Whoever is told by `remark` of the loss may have something in the
	 * place where it is shown. */
	void (*before_remark)(void *context);
	void *context;
};

enum feed_news {
	FEED_SILENT,
	FEED_EVENT, /* one came */
	FEED_LOOK,  /* look into the database: any may have been missed */
};

/*
 * Begins to listen to events of a cluster, or of all (NULL). What happened
 * before is to be read afterwards: so nothing falls between the two.
 */
void feed_open(struct feed *feed, const struct call *call, const char *cluster);
void feed_close(struct feed *feed);

/* Waits `timeout_ms` at most. The caller frees the event. */
enum feed_news feed_wait(
	struct feed *feed, int timeout_ms, struct letter **event);
