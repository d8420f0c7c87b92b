#pragma once

#include "worker.h"

/* Claims phases and validations; those that are ours are ready to be stepped.
 */
void lease(struct worker *worker);
