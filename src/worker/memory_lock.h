/* Whether the system lets a worker lock as much memory as its secrets take. */
#pragma once

#include <byoc/err.h>

/* "memory_lock" says what to set. `in_flight` is BYOC_MAX_IN_FLIGHT. */
bool memory_lock_suffices(int in_flight, struct err *err);
