#pragma once

#include "worker.h"

/* Asks the phases of those that are ready, or answered, what they want next. */
void step(struct worker *worker);
