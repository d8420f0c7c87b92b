/*
 * Opening a door takes a while (names are looked up, certificates checked,
 * queues declared): a thread does it, and hands over the finished door.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/settings.h>
#include <stdbool.h>

struct opening;

/* Runs on the thread: the open door, or NULL with an error. */
typedef void *open_door(const struct settings *settings, struct err *err);

/* `settings` are borrowed until it is over. NULL with an error: no thread. */
struct opening *opening_begin(
	open_door *open, const struct settings *settings, struct err *err);
/* Readable when it is over. */
int opening_socket(const struct opening *opening);
bool opening_is_over(const struct opening *opening);
/* What came of it, once it is over; the opening is freed. */
void *opening_end(struct opening *opening, struct err *err);
