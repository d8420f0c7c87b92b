/* What a cluster costs a month, for people. */
#pragma once

#include "command.h"

/* Prints what console_cost_of_... gave, and frees it; of NULL, `err`. */
int cost_print(struct call *call, struct json_object *cost, struct err *err);
