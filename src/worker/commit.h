#pragma once

#include "worker.h"

/* Stores what flights came to. */
void commit(struct worker *worker);
