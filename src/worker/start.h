#pragma once

#include "worker.h"

/* Begins the runs that jobs with a goal ask for. */
void start(struct worker *worker);
