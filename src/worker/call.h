#pragma once

#include "worker.h"

/* Takes the replies that have come. */
void call_collect(struct worker *worker);
/* Sends the questions that flights have. */
void call_send(struct worker *worker);
/* Gives up on all of them; the client has been freed. */
void call_stop(struct worker *worker, struct flights *flights);

enum { CALL_WINDOW_MS = 50 }; /* how long shared questions gather company */
