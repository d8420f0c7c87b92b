/* Firewalls: rules, and the servers they are applied to. */
#ifndef SIM_FIREWALL_H
#define SIM_FIREWALL_H

#include "call.h"

bool create_firewall(struct call *call);
bool delete_firewall(struct call *call);
bool set_firewall_rules(struct call *call);
bool apply_firewall(struct call *call);
bool remove_firewall(struct call *call);

/* Applies it to the server directly, without an action. */
void firewall_take(struct resource *firewall, const struct resource *server);
/* A server that goes is no longer applied to. */
void firewall_release(struct resource *firewall, int64_t server);
/* Directly or by a label selector. */
bool firewall_covers(struct project *project, const struct resource *firewall,
	const struct resource *server);

#endif
