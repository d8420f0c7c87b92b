/* Following a cluster's events until nothing is under way any more. */
#pragma once

#include "command.h"
#include <stdint.h>

/*
 * Shows the events behind number `after` and what follows. DONE when the
 * cluster is running or deleted, FAILED when it failed.
 */
int watch_cluster(struct call *call, const char *id, int64_t after);
