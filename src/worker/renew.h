#pragma once

#include "worker.h"

/* Holds the leases of what is in the air. */
void renew(struct worker *worker);
void renew_stop(struct worker *worker);
