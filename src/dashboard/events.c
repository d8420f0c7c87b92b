/*
 * Server-sent events. The last messages are kept in a ring; each tab has its
 * own place in it, and sleeps (suspended by libmicrohttpd) when it has read
 * all. One that falls behind the ring goes on with the oldest message there is:
 * the page reads everything anew with each event, so that none is missed.
 */
#include "events.h"

#include <byoc/memory.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING = 256, TABS_MOST = 16, BLOCK = 4096 };

struct tab {
	struct events *events;
	struct MHD_Connection *connection; /* NULL: this place is free */
	size_t next;                       /* the number of its next message */
	size_t sent;                       /* bytes of that message */
	bool asleep;
	bool greet; /* owes a comment, with which its headers go out */
};

struct events {
	pthread_mutex_t lock; /* of all that follows */
	char *ring[RING];
	size_t count; /* messages ever told */
	bool ended;
	struct tab tabs[TABS_MOST];
};

struct events *events_new(void)
{
	struct events *events = memory_new(sizeof *events);

	pthread_mutex_init(&events->lock, NULL);
	return events;
}

void events_free(struct events *events)
{
	if (!events)
		return;
	for (size_t i = 0; i < RING; i++)
		free(events->ring[i]);
	pthread_mutex_destroy(&events->lock);
	free(events);
}

static void wake_all(struct events *events)
{
	for (size_t i = 0; i < TABS_MOST; i++) {
		struct tab *tab = &events->tabs[i];

		if (tab->connection && tab->asleep) {
			tab->asleep = false;
			MHD_resume_connection(tab->connection);
		}
	}
}

void events_tell(struct events *events, const char *name, const char *text)
{
	char *message = NULL;

	if (asprintf(&message, "event: %s\ndata: %s\n\n", name, text) < 0)
		abort();
	pthread_mutex_lock(&events->lock);
	char **place = &events->ring[events->count % RING];
	free(*place);
	*place = message;
	events->count++;
	wake_all(events);
	pthread_mutex_unlock(&events->lock);
}

void events_end(struct events *events)
{
	pthread_mutex_lock(&events->lock);
	events->ended = true;
	wake_all(events);
	pthread_mutex_unlock(&events->lock);
}

static size_t copy_next(struct tab *tab, char *out, size_t room)
{
	struct events *events = tab->events;

	if (events->count - tab->next > RING) {
		tab->next = events->count - RING;
		tab->sent = 0;
	}
	const char *rest = events->ring[tab->next % RING] + tab->sent;
	size_t size = 0;
	while (size < room && rest[size]) {
		out[size] = rest[size];
		size++;
	}
	tab->sent += size;
	if (!rest[size]) {
		tab->next++;
		tab->sent = 0;
	}
	return size;
}

static ssize_t read_stream(
	void *context, uint64_t position, char *out, size_t room)
{
	static const char comment[] = ":\n\n";
	struct tab *tab = context;
	struct events *events = tab->events;
	ssize_t size = 0;

	(void)position;
	pthread_mutex_lock(&events->lock);
	if (events->ended) {
		size = MHD_CONTENT_READER_END_OF_STREAM;
	} else if (tab->next < events->count) {
		size = (ssize_t)copy_next(tab, out, room);
	} else if (tab->greet && room >= sizeof comment - 1) {
		tab->greet = false;
		size = sizeof comment - 1;
		memcpy(out, comment, sizeof comment - 1);
	} else {
		tab->asleep = true;
		MHD_suspend_connection(tab->connection);
	}
	pthread_mutex_unlock(&events->lock);
	return size;
}

static void leave(void *context)
{
	struct tab *tab = context;
	struct events *events = tab->events;

	pthread_mutex_lock(&events->lock);
	*tab = (struct tab){0};
	pthread_mutex_unlock(&events->lock);
}

static struct tab *take_place(
	struct events *events, struct MHD_Connection *connection)
{
	struct tab *found = NULL;

	pthread_mutex_lock(&events->lock);
	for (size_t i = 0; i < TABS_MOST && !found; i++)
		if (!events->tabs[i].connection)
			found = &events->tabs[i];
	if (found)
		*found = (struct tab){.events = events,
			.connection = connection,
			.next = events->count,
			.greet = true};
	pthread_mutex_unlock(&events->lock);
	return found;
}

struct MHD_Response *events_join(
	struct events *events, struct MHD_Connection *connection)
{
	struct tab *tab = take_place(events, connection);

	if (!tab)
		return NULL;
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, BLOCK, read_stream, tab, leave);
	if (!response)
		leave(tab);
	return response;
}
