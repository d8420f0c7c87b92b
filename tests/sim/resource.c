/*
 * Resources on their shelves: made, found, shown and removed. Ids only grow,
 * so a shelf is sorted by itself.
 */
#include "memory.h"
#include "world.h"

#include "refresh.h"

const struct kind_facts kinds[KIND_COUNT] = {
	[KIND_LOCATION] = {"location", "locations", NULL, NULL},
	[KIND_SERVER_TYPE] = {"server_type", "server_types",
		server_type_refresh, NULL},
	[KIND_LOAD_BALANCER_TYPE] = {"load_balancer_type",
		"load_balancer_types", NULL, NULL},
	[KIND_IMAGE] = {"image", "images", NULL, NULL},
	[KIND_SSH_KEY] = {"ssh_key", "ssh_keys", NULL, NULL},
	[KIND_NETWORK] = {"network", "networks", network_refresh,
		network_leave},
	[KIND_PLACEMENT_GROUP] = {"placement_group", "placement_groups",
		placement_group_refresh, placement_group_leave},
	[KIND_FIREWALL] = {"firewall", "firewalls", firewall_refresh, NULL},
	[KIND_SERVER] = {"server", "servers", server_refresh, server_leave},
	[KIND_LOAD_BALANCER] = {"load_balancer", "load_balancers",
		load_balancer_refresh, load_balancer_leave},
	[KIND_VOLUME] = {"volume", "volumes", volume_refresh, NULL},
	[KIND_PRIMARY_IP] = {"primary_ip", "primary_ips", primary_ip_refresh,
		primary_ip_leave},
	[KIND_FLOATING_IP] = {"floating_ip", "floating_ips",
		floating_ip_refresh, NULL},
	[KIND_CERTIFICATE] = {"certificate", "certificates",
		certificate_refresh, NULL},
	[KIND_ACTION] = {"action", "actions", action_refresh, NULL},
};

enum kind kind_named(const char *many)
{
	enum kind kind = 0;

	while (kind < KIND_COUNT && strcmp(kinds[kind].many, many) != 0)
		kind++;
	return kind;
}

static void shelf_append(struct shelf *shelf, struct resource *resource)
{
	if (shelf->count == shelf->room) {
		shelf->room = shelf->room ? shelf->room * 2 : 16;
		shelf->items = must_realloc(
			shelf->items, shelf->room * sizeof *shelf->items);
	}
	shelf->items[shelf->count++] = resource;
}

/* Where the id stands, or would stand. */
static size_t shelf_place(const struct shelf *shelf, int64_t id)
{
	size_t low = 0, high = shelf->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (shelf->items[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void shelf_take(struct shelf *shelf, int64_t id)
{
	size_t place = shelf_place(shelf, id);

	shelf->count--;
	memmove(&shelf->items[place], &shelf->items[place + 1],
		(shelf->count - place) * sizeof *shelf->items);
}

struct resource *resource_new(
	struct project *project, enum kind kind, struct json_object *body)
{
	struct resource *resource = must_calloc(1, sizeof *resource);

	resource->kind = kind;
	resource->id = ++project->world->last_id[kind];
	resource->body = body;
	json_put_number(body, "id", resource->id);
	if (kind > KIND_IMAGE && kind != KIND_ACTION) {
		char now[32];

		now_text(project->world, now);
		json_put_text(body, "created", now);
	}
	shelf_append(shelf_of(project, kind), resource);
	return resource;
}

void resource_remove(struct project *project, struct resource *resource)
{
	if (kinds[resource->kind].leave)
		kinds[resource->kind].leave(project, resource);
	shelf_take(shelf_of(project, resource->kind), resource->id);
	for (size_t i = 0; i < MAX_NETS; i++)
		attachment_clear(&resource->nets[i]);
	json_object_put(resource->body);
	json_object_put(resource->hidden);
	free(resource);
}

struct resource *resource_find(
	struct project *project, enum kind kind, int64_t id)
{
	const struct shelf *shelf = shelf_of(project, kind);
	size_t place = shelf_place(shelf, id);

	if (place == shelf->count || shelf->items[place]->id != id)
		return NULL;
	return shelf->items[place];
}

const char *resource_name(const struct resource *resource)
{
	const char *name = json_text(resource->body, "name");

	return name ? name : "";
}

struct resource *resource_named(
	struct project *project, enum kind kind, const char *name)
{
	struct resource *resource;

	shelf_each(shelf_of(project, kind),
		resource) if (strcmp(resource_name(resource), name) ==
			      0) return resource;
	return NULL;
}

struct json_object *resource_view(
	struct project *project, struct resource *resource)
{
	if (kinds[resource->kind].refresh)
		kinds[resource->kind].refresh(project, resource);
	return json_object_get(resource->body);
}

struct json_object *resource_views(struct project *project, enum kind kind)
{
	struct json_object *views = json_object_new_array();
	struct resource *resource;

	shelf_each(shelf_of(project, kind), resource)
		json_add(views, resource_view(project, resource));
	return views;
}
