#pragma once

#include "worker.h"

/* Every stage of the belt once, then sleep until something moves. */
void tick(struct worker *worker);
/* Has the worker failed, or been asked to end and finished? */
bool tick_was_last(const struct worker *worker);
