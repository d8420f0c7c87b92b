#pragma once

#include "worker.h"

/* Mints and seals the kubeconfigs that jobs ask for. */
void kubeconfig(struct worker *worker);
