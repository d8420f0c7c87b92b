#pragma once

#include "worker.h"

/* Publishes parcels, and settles those that are confirmed. */
void publish(struct worker *worker);
/* What was not confirmed is left to the relay. */
void publish_stop(struct worker *worker);
