/* Servers: made in one call with all that belongs to them. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "call.h"

bool create_server(struct call *call);
bool delete_server(struct call *call);
bool power_on(struct call *call);
bool power_off(struct call *call);
bool shut_down(struct call *call);
bool reboot(struct call *call);
bool reset(struct call *call);

/* For plans: it runs from now on, and answers once it has booted. */
void server_runs(struct project *project, struct resource *server,
	struct json_object *detail);

/* Has an address of its own in the Internet. */
bool server_is_public(struct project *project, const struct resource *server);
/* Runs and has booted. */
bool server_is_up(const struct world *world, const struct resource *server);

/* A server as it is ordered, all references looked up. */
struct order {
	const char *name;
	struct resource *type, *location, *image, *group;
	bool ipv4, ipv6, start;
	struct resource *own_ipv4, *own_ipv6; /* brought along, or NULL */
	/* Lists in the request, or NULL. */
	struct json_object *networks, *firewalls, *volumes;
	struct json_object *ssh_keys; /* their ids; owned */
	struct json_object *labels;   /* owned */
	const char *user_data;
};

/* False when something in the request is refused. */
bool order_read(struct call *call, struct order *order);
void order_clear(struct order *order);

#endif
