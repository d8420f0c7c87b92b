/* HTTPS at a cluster's address: who comes in, and what is asked and answered.
 */
#ifndef KUBE_DOOR_H
#define KUBE_DOOR_H

#include "cluster.h"

struct door;

/* NULL when its balancer has no address. */
struct door *door_open(struct cluster *cluster, const struct intent *intent);
void door_close(struct door *door); /* takes NULL */
int door_timeout_ms(const struct door *door);
void door_turn(struct door *door);
/* Whoever waits is answered now. */
void door_hurry(struct door *door);

#endif
