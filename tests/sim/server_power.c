/* Switching servers on and off. */
#include "../kube/kube.h"
#include "server.h"

#include <string.h>

void server_runs(struct project *project, struct resource *server,
	struct json_object *detail)
{
	const struct world *world = project->world;

	(void)detail;
	json_put_text(server->body, "status", "running");
	server->until_ms = world->now_ms + world_ms(world, world->boot_seconds);
	if (world->kube)
		kube_server_runs(world->kube, project, server);
}

static void server_stops(struct project *project, struct resource *server,
	struct json_object *detail)
{
	(void)project;
	(void)detail;
	json_put_text(server->body, "status", "off");
}

static bool change_power(struct call *call, const char *command, double seconds,
	void (*effect)(
		struct project *, struct resource *, struct json_object *))
{
	if (!require_idle(call, call->self, "locked"))
		return false;

	const struct plan plan = {
		.command = command,
		.seconds = seconds,
		.subject = call->self,
		.effect = effect,
	};

	return act(call, &plan);
}

bool power_on(struct call *call)
{
	const char *status = json_text(call->self->body, "status");
	bool runs = strcmp(status, "running") == 0;

	return change_power(call, "start_server", 3, runs ? NULL : server_runs);
}

bool power_off(struct call *call)
{
	return change_power(call, "stop_server", 1, server_stops);
}

bool shut_down(struct call *call)
{
	return change_power(call, "shutdown_server", 5, server_stops);
}

bool reboot(struct call *call)
{
	return change_power(call, "reboot_server", 5, server_runs);
}

bool reset(struct call *call)
{
	return change_power(call, "reset_server", 2, server_runs);
}
