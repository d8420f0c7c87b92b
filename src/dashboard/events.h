/* Events from the broker, told to every open tab as they come. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct events;
struct MHD_Connection;
struct MHD_Response;

struct events *events_new(void);
/* Once the daemon is stopped. Takes NULL. */
void events_free(struct events *events);

/* A message to all tabs; takes a copy of `text`, which is one line. */
void events_tell(struct events *events, const char *name, const char *text);
/* No tab waits any more: to be called before the daemon is stopped. */
void events_end(struct events *events);

/* A stream for one more tab; NULL when there are too many. */
struct MHD_Response *events_join(
	struct events *events, struct MHD_Connection *connection);
