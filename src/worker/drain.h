#pragma once

#include "worker.h"

/* Begins to finish when a signal asks for it; gives back what is not begun. */
void drain(struct worker *worker);
