/*
 * The table of all API calls. {id} names a resource of the route's kind,
 * which must exist for the handler to be called.
 */
#include "router.h"
#include "firewall.h"
#include "generic.h"
#include "list.h"
#include "load_balancer.h"
#include "network.h"
#include "server.h"
#include "small_kinds.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define READ(kind, path)                                                       \
	{"GET", path, kind, list_kind},                                        \
	{                                                                      \
		"GET", path "/{id}", kind, get_resource                        \
	}

#define CHANGE(kind, path, create, delete)                                     \
	READ(kind, path), {"POST", path, kind, create},                        \
		{"PUT", path "/{id}", kind, update_resource},                  \
	{                                                                      \
		"DELETE", path "/{id}", kind, delete                           \
	}

#define ACTIONS(kind, path)                                                    \
	{"GET", path "/actions", kind, list_actions},                          \
		{"GET", path "/actions/{action_id}", kind, get_action},        \
		{"GET", path "/{id}/actions", kind, list_actions},             \
	{                                                                      \
		"GET", path "/{id}/actions/{action_id}", kind, get_action      \
	}

#define ACT(kind, path, command, handle)                                       \
	{                                                                      \
		"POST", path "/{id}/actions/" command, kind, handle            \
	}

#define SERVER(command, handle) ACT(KIND_SERVER, "/servers", command, handle)
#define NETWORK(command, handle) ACT(KIND_NETWORK, "/networks", command, handle)
#define BALANCER(command, handle)                                              \
	ACT(KIND_LOAD_BALANCER, "/load_balancers", command, handle)
#define FIREWALL(command, handle)                                              \
	ACT(KIND_FIREWALL, "/firewalls", command, handle)
#define VOLUME(command, handle) ACT(KIND_VOLUME, "/volumes", command, handle)
#define PRIMARY_IP(command, handle)                                            \
	ACT(KIND_PRIMARY_IP, "/primary_ips", command, handle)
#define FLOATING_IP(command, handle)                                           \
	ACT(KIND_FLOATING_IP, "/floating_ips", command, handle)

const struct route api_routes[] = {
	READ(KIND_LOCATION, "/locations"),
	READ(KIND_SERVER_TYPE, "/server_types"),
	READ(KIND_LOAD_BALANCER_TYPE, "/load_balancer_types"),
	READ(KIND_IMAGE, "/images"),
	{"GET", "/datacenters", KIND_LOCATION, gone},
	{"GET", "/pricing", KIND_LOCATION, get_pricing},

	{"GET", "/actions", KIND_ACTION, list_actions_by_id},
	{"GET", "/actions/{id}", KIND_ACTION, get_resource},

	CHANGE(KIND_SSH_KEY, "/ssh_keys", create_ssh_key, delete_resource),

	CHANGE(KIND_PLACEMENT_GROUP, "/placement_groups",
		create_placement_group, delete_resource),

	CHANGE(KIND_NETWORK, "/networks", create_network, delete_network),
	ACTIONS(KIND_NETWORK, "/networks"),
	NETWORK("add_subnet", add_subnet),
	NETWORK("delete_subnet", delete_subnet),
	NETWORK("add_route", add_route),
	NETWORK("delete_route", delete_route),
	NETWORK("change_ip_range", change_ip_range),
	NETWORK("change_protection", change_protection),

	CHANGE(KIND_FIREWALL, "/firewalls", create_firewall, delete_firewall),
	ACTIONS(KIND_FIREWALL, "/firewalls"),
	FIREWALL("set_rules", set_firewall_rules),
	FIREWALL("apply_to_resources", apply_firewall),
	FIREWALL("remove_from_resources", remove_firewall),

	CHANGE(KIND_SERVER, "/servers", create_server, delete_server),
	ACTIONS(KIND_SERVER, "/servers"),
	SERVER("poweron", power_on),
	SERVER("poweroff", power_off),
	SERVER("shutdown", shut_down),
	SERVER("reboot", reboot),
	SERVER("reset", reset),
	SERVER("attach_to_network", attach_server),
	SERVER("detach_from_network", detach_server),
	SERVER("add_to_placement_group", add_to_placement_group),
	SERVER("remove_from_placement_group", remove_from_placement_group),
	SERVER("change_protection", change_protection),

	CHANGE(KIND_LOAD_BALANCER, "/load_balancers", create_load_balancer,
		delete_load_balancer),
	ACTIONS(KIND_LOAD_BALANCER, "/load_balancers"),
	BALANCER("add_target", add_target),
	BALANCER("remove_target", remove_target),
	BALANCER("add_service", add_service),
	BALANCER("update_service", update_service),
	BALANCER("delete_service", delete_service),
	BALANCER("attach_to_network", attach_load_balancer),
	BALANCER("detach_from_network", detach_load_balancer),
	BALANCER("change_algorithm", change_algorithm),
	BALANCER("change_protection", change_protection),

	CHANGE(KIND_VOLUME, "/volumes", create_volume, delete_volume),
	ACTIONS(KIND_VOLUME, "/volumes"),
	VOLUME("attach", attach_volume),
	VOLUME("detach", detach_volume),
	VOLUME("resize", resize_volume),
	VOLUME("change_protection", change_protection),

	CHANGE(KIND_PRIMARY_IP, "/primary_ips", create_primary_ip,
		delete_primary_ip),
	ACTIONS(KIND_PRIMARY_IP, "/primary_ips"),
	PRIMARY_IP("assign", assign_primary_ip),
	PRIMARY_IP("unassign", unassign_primary_ip),
	PRIMARY_IP("change_dns_ptr", change_dns_ptr),
	PRIMARY_IP("change_protection", change_protection),

	READ(KIND_FLOATING_IP, "/floating_ips"),
	{"POST", "/floating_ips", KIND_FLOATING_IP, create_floating_ip},
	{"PUT", "/floating_ips/{id}", KIND_FLOATING_IP, update_floating_ip},
	{"DELETE", "/floating_ips/{id}", KIND_FLOATING_IP, delete_floating_ip},
	ACTIONS(KIND_FLOATING_IP, "/floating_ips"),
	FLOATING_IP("assign", assign_floating_ip),
	FLOATING_IP("unassign", unassign_floating_ip),
	FLOATING_IP("change_dns_ptr", change_dns_ptr),
	FLOATING_IP("change_protection", change_protection),

	CHANGE(KIND_CERTIFICATE, "/certificates", create_certificate,
		delete_certificate),
	ACTIONS(KIND_CERTIFICATE, "/certificates"),
	ACT(KIND_CERTIFICATE, "/certificates", "retry", retry_certificate),

	{NULL, NULL, 0, NULL},
};

/* Steps over one segment of the path that stands for a number. */
static bool take_id(const char **path, int64_t *id)
{
	char *end;

	if (!isdigit((unsigned char)**path))
		return false;
	*id = strtoll(*path, &end, 10);
	*path = end;
	return *end == '\0' || *end == '/';
}

static bool matches(
	const char *pattern, const char *path, int64_t *id, int64_t *action_id)
{
	while (*pattern && *path) {
		if (*pattern == '{') {
			bool action = strncmp(pattern, "{a", 2) == 0;

			if (!take_id(&path, action ? action_id : id))
				return false;
			pattern = strchr(pattern, '}') + 1;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*pattern && !*path;
}

const struct route *route_find(const struct route *routes, struct call *call)
{
	for (const struct route *r = routes; r->method; r++) {
		int64_t id = 0, action_id = 0;

		if (strcmp(r->method, call->method) == 0 &&
			matches(r->pattern, call->path, &id, &action_id)) {
			call->id = id;
			call->action_id = action_id;
			return r;
		}
	}
	return NULL;
}
