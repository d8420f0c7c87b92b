#pragma once

#include "worker.h"

/* Looks after the outbox, what was lost, and the history. */
void upkeep(struct worker *worker);
/* Is all that was published deleted, as far as that is possible? */
bool upkeep_is_idle(const struct worker *worker);
/* When the next thing is due. */
int64_t upkeep_next_ms(const struct worker *worker);
void upkeep_stop(struct worker *worker);
