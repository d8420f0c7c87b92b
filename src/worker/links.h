#pragma once

#include "worker.h"

/* Takes in what has arrived at the doors; closes those that have failed, and
 * opens them again, with growing pauses. */
void links(struct worker *worker);
/* Leaves the doors behind: true when no thread is at one any more. */
bool links_stop(struct worker *worker);
