/* Which handler answers which method and path. */
#ifndef SIM_ROUTER_H
#define SIM_ROUTER_H

#include "call.h"

struct route {
	const char *method;
	const char *pattern; /* {id} and {action_id} stand for numbers */
	enum kind kind;
	bool (*handle)(struct call *call);
};

/*
 * The route of the call, or NULL; sets the ids that the path names. Takes a
 * table that ends with a NULL method.
 */
const struct route *route_find(const struct route *routes, struct call *call);

extern const struct route api_routes[];
extern const struct route sim_routes[]; /* under /_sim */

#endif
