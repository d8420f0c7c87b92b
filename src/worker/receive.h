#pragma once

#include "worker.h"

/* Deliveries become flights before their first transaction. */
void receive(struct worker *worker);
