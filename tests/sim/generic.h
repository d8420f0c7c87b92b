/* Handlers that are the same for every kind of resource. */
#ifndef SIM_GENERIC_H
#define SIM_GENERIC_H

#include "call.h"

bool get_resource(struct call *call);
bool get_action(struct call *call);
/* PUT: name, labels and the flags that some kinds have. */
bool update_resource(struct call *call);
/* DELETE, unless protected. */
bool delete_resource(struct call *call);
bool change_protection(struct call *call);
/* For what the API no longer offers. */
bool gone(struct call *call);
bool get_pricing(struct call *call); /* pricing.c */

#endif
