/* Handlers of the kinds that need only a few of them. */
#ifndef SIM_SMALL_KINDS_H
#define SIM_SMALL_KINDS_H

#include "call.h"

bool create_ssh_key(struct call *call);

bool create_placement_group(struct call *call);
bool add_to_placement_group(struct call *call);
bool remove_from_placement_group(struct call *call);
/* False when the group has no room for one more. */
bool require_room_in_group(struct call *call, const struct resource *group);

bool create_volume(struct call *call);
bool delete_volume(struct call *call);
bool attach_volume(struct call *call);
bool detach_volume(struct call *call);
bool resize_volume(struct call *call);
/* For plans on a volume; the first with {"server": id} as detail. */
void volume_attached(struct project *project, struct resource *volume,
	struct json_object *detail);
void volume_detached(struct project *project, struct resource *volume,
	struct json_object *detail);

bool create_primary_ip(struct call *call);
bool delete_primary_ip(struct call *call);
bool assign_primary_ip(struct call *call);
bool unassign_primary_ip(struct call *call);
/* One of the server's own, that goes when the server goes. */
void give_primary_ip(
	struct project *project, struct resource *server, const char *type);
/* The one of that type that the server has, or NULL. */
struct resource *primary_ip_of(
	struct project *project, int64_t server, const char *type);
/* The next address from a range that is nobody's. */
void public_ipv4(struct world *world, char text[static 32]);
void public_ipv6(struct world *world, const char *ending, char text[static 32]);
/* Its name in the DNS, as it has one from the beginning. */
void add_dns_ptr(struct json_object *body, const char *address);

bool create_floating_ip(struct call *call);
bool update_floating_ip(struct call *call);
bool delete_floating_ip(struct call *call);
bool assign_floating_ip(struct call *call);
bool unassign_floating_ip(struct call *call);
/* Of primary and floating IPs. */
bool change_dns_ptr(struct call *call);

bool create_certificate(struct call *call);
bool delete_certificate(struct call *call);
bool retry_certificate(struct call *call);

#endif
