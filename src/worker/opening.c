/* Opening: a thread at a time for each door, and an eventfd that tells. */
#include "opening.h"

#include <byoc/memory.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct opening {
	pthread_t thread;
	int event;
	open_door *open;
	const struct settings *settings;
	void *door;
	struct err err;
};

static void *run(void *context)
{
	struct opening *opening = context;
	const uint64_t one = 1;

	opening->door = opening->open(opening->settings, &opening->err);
	/* Cannot fail: the counter is at 0. */
	(void)!write(opening->event, &one, sizeof one);
	return NULL;
}

struct opening *opening_begin(
	open_door *open, const struct settings *settings, struct err *err)
{
	struct opening *opening = memory_new(sizeof *opening);

	opening->open = open;
	opening->settings = settings;
	opening->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int failure = opening->event < 0 ? 1
					 : pthread_create(&opening->thread,
						   NULL, run, opening);
	if (!failure)
		return opening;
	if (opening->event >= 0)
		close(opening->event);
	free(opening);
	err_set(err, ERR_RETRY, "no_thread",
		"the system gives no thread for opening a connection");
	return NULL;
}

int opening_socket(const struct opening *opening)
{
	return opening->event;
}

bool opening_is_over(const struct opening *opening)
{
	struct pollfd told = {.fd = opening->event, .events = POLLIN};

	return poll(&told, 1, 0) == 1;
}

void *opening_end(struct opening *opening, struct err *err)
{
	pthread_join(opening->thread, NULL);
	void *door = opening->door;
	if (!door)
		*err = opening->err;
	close(opening->event);
	free(opening);
	return door;
}
