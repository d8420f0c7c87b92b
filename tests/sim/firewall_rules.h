/* The rules of a firewall, as a request gives them. */
#ifndef SIM_FIREWALL_RULES_H
#define SIM_FIREWALL_RULES_H

#include "call.h"

/* All of "rules", completed with defaults. Owned; [] when there are none. */
struct json_object *read_rules(struct fields *in);

#endif
