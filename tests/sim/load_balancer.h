/* Load balancers: their services, their targets and how those are. */
#ifndef SIM_LOAD_BALANCER_H
#define SIM_LOAD_BALANCER_H

#include "call.h"

bool create_load_balancer(struct call *call);
bool delete_load_balancer(struct call *call);
bool change_algorithm(struct call *call);
bool add_target(struct call *call);
bool remove_target(struct call *call);
bool add_service(struct call *call);
bool update_service(struct call *call);
bool delete_service(struct call *call);

/* Directly or by a label selector. */
bool load_balancer_targets(
	const struct resource *balancer, const struct resource *server);
/* A server that goes is no longer a target. */
void load_balancer_release(struct resource *balancer, int64_t server);
/* Fills in who is reached by each target, and how they are. */
void refresh_targets(struct project *project, struct resource *balancer);

/*
 * One service or target of a request, completed and checked against those
 * that the balancer's body already has; NULL when refused. Owned.
 */
struct json_object *read_service(
	struct fields *in, const struct json_object *balancer);
struct json_object *read_target(
	struct fields *in, const struct json_object *balancer, int64_t network);

#endif
