/*
 * Per kind: what keeps the derived parts of a body true, and what unties a
 * resource from others before it goes. The table in resource.c calls them.
 */
#ifndef SIM_REFRESH_H
#define SIM_REFRESH_H

#include "world.h"

void server_type_refresh(struct project *project, struct resource *type);
void network_refresh(struct project *project, struct resource *network);
void network_leave(struct project *project, struct resource *network);
void placement_group_refresh(struct project *project, struct resource *group);
void placement_group_leave(struct project *project, struct resource *group);
void firewall_refresh(struct project *project, struct resource *firewall);
void server_refresh(struct project *project, struct resource *server);
void server_leave(struct project *project, struct resource *server);
void load_balancer_refresh(struct project *project, struct resource *balancer);
void load_balancer_leave(struct project *project, struct resource *balancer);
void volume_refresh(struct project *project, struct resource *volume);
void primary_ip_leave(struct project *project, struct resource *ip);
void primary_ip_refresh(struct project *project, struct resource *ip);
void floating_ip_refresh(struct project *project, struct resource *ip);
void certificate_refresh(struct project *project, struct resource *certificate);

#endif
