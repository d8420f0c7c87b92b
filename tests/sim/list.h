/* Handlers for reading lists: filter, sort, one page. */
#ifndef SIM_LIST_H
#define SIM_LIST_H

#include "call.h"

/* All of the route's kind. */
bool list_kind(struct call *call);
/* GET /actions: only those that are asked for by id. */
bool list_actions_by_id(struct call *call);
/* Actions of one kind of resource, or of the resource {id}. */
bool list_actions(struct call *call);

#endif
