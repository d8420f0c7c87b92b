/* The way to the broker's events. */
#pragma once

#include "events.h"

#include <byoc/settings.h>

/* Passes events on until SIGINT or SIGTERM, which the caller has blocked. */
void link_run(const struct settings *settings, struct events *events);
