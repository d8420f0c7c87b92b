/* Networks, and the places that servers and load balancers have in them. */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "address.h"
#include "call.h"

bool create_network(struct call *call);
bool delete_network(struct call *call);
bool add_subnet(struct call *call);
bool delete_subnet(struct call *call);
bool add_route(struct call *call);
bool delete_route(struct call *call);
bool change_ip_range(struct call *call);

/* The network's own range. */
struct range network_range(const struct resource *network);

/*
 * Subnet or route number `nth` of a list in a request, checked against the
 * network's range and what it already has; NULL when refused. Owned.
 */
struct json_object *read_subnet(struct fields *in, const struct range *range,
	const struct json_object *network);
struct json_object *read_route(struct fields *in, const struct range *range,
	const struct json_object *network);

/* Who wants a place, and where. */
struct wish {
	struct resource *who;
	struct resource *network;
	const char *zone;
	const char *ip;       /* or NULL: the lowest that is free */
	const char *ip_range; /* of the subnet, or NULL: any in the zone */
};

/*
 * Reserves a place, not yet up. NULL, or the error code why there is none.
 */
const char *attachment_reserve(
	struct project *project, const struct wish *wish);
/* For plans, with {"network": id} as detail. */
void attachment_rise(struct project *project, struct resource *subject,
	struct json_object *detail);
void attachment_drop(struct project *project, struct resource *subject,
	struct json_object *detail);
struct json_object *network_detail(int64_t network);

/* POST …/attach_to_network and …/detach_from_network. */
bool attach_server(struct call *call);
bool detach_server(struct call *call);
bool attach_load_balancer(struct call *call);
bool detach_load_balancer(struct call *call);

#endif
