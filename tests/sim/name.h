/* What a resource may be called. */
#ifndef SIM_NAME_H
#define SIM_NAME_H

#include "world.h"

bool name_is_valid(enum kind kind, const char *name);

#endif
