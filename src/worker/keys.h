#pragma once

#include "worker.h"

/* Makes and seals the keys of the flight's cluster. */
bool keys_make(struct worker *worker, struct flight *flight, struct err *err);
