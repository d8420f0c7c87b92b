/* What the cloud offers to everyone: places, sizes and images. */
#ifndef SIM_CATALOG_H
#define SIM_CATALOG_H

#include "world.h"

void catalog_fill(struct world *world);

/* Whether the server type is listed in the location. */
bool type_is_offered(
	const struct resource *type, const struct resource *location);
/* Whether a test has marked it as sold out there. */
bool type_is_sold_out(const struct world *world, const struct resource *type,
	const struct resource *location);

/* The location's one data center, as old clients want to see it. */
struct json_object *datacenter_view(struct resource *location);
/* The location by the name of its data center, or NULL. */
struct resource *location_of_datacenter(
	struct project *project, const char *name);
/* The first location in the network zone, or NULL. */
struct resource *location_in_zone(struct project *project, const char *zone);
/* The image of that name (or id) for the architecture, or NULL. */
struct resource *image_for(struct project *project, struct json_object *value,
	const char *architecture);

#endif
