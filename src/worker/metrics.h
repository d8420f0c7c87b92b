#pragma once

#include "worker.h"

struct metrics *metrics_start(const struct worker *worker, struct err *err);
void metrics_stop(struct metrics *metrics); /* takes NULL */
int metrics_socket(const struct metrics *metrics);
void metrics_serve(struct metrics *metrics);
