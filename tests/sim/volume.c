/* Volumes: made in a location or at a server, attached and detached. */
#include "refresh.h"
#include "small_kinds.h"

#include <string.h>

static int64_t location_id(const struct resource *resource)
{
	return json_number(json_at(resource->body, "location"), "id");
}

void volume_refresh(struct project *project, struct resource *volume)
{
	(void)project;
	if (volume->holder)
		json_put_number(volume->body, "server", volume->holder);
	else
		json_put(volume->body, "server", NULL);
}

void volume_attached(struct project *project, struct resource *volume,
	struct json_object *detail)
{
	int64_t server = json_number(detail, "server");

	if (resource_find(project, KIND_SERVER, server))
		volume->holder = server;
}

void volume_detached(struct project *project, struct resource *volume,
	struct json_object *detail)
{
	(void)project;
	(void)detail;
	volume->holder = 0;
}

static void volume_created(struct project *project, struct resource *volume,
	struct json_object *detail)
{
	(void)project;
	(void)detail;
	json_put_text(volume->body, "status", "available");
}

static struct resource *start_attach(struct call *call, struct resource *volume,
	struct resource *server, struct resource *after)
{
	struct json_object *detail = json_object_new_object();
	const struct plan plan = {
		.command = "attach_volume",
		.seconds = 3,
		.subject = volume,
		.other = server,
		.locks_other = true,
		.after = after,
		.detail = detail,
		.effect = volume_attached,
	};

	json_put_number(detail, "server", server->id);
	return action_start(call->project, &plan);
}

/* The location that is named, or that of the server to attach to. */
static struct resource *volume_place(
	struct fields *in, const struct resource *server)
{
	if (server)
		return resource_find(
			in->call->project, KIND_LOCATION, location_id(server));
	return want_reference(in, "location", KIND_LOCATION);
}

static struct resource *volume_new(struct fields *in, const char *name,
	int64_t size, const struct resource *location)
{
	struct json_object *body = json_literal(
		"{'status': 'creating', 'protection': {'delete': false}}");
	struct json_object *labels = may_labels(in);
	char device[64];

	json_put_text(body, "name", name);
	json_put_number(body, "size", size);
	json_put_text(body, "format", may_text(in, "format", NULL));
	json_put(body, "labels", labels);
	json_put(body, "location", json_object_get(location->body));
	if (in->call->refused) {
		json_object_put(body);
		return NULL;
	}

	struct resource *volume =
		resource_new(in->call->project, KIND_VOLUME, body);

	snprintf(device, sizeof device, "/dev/disk/by-id/scsi-0HC_Volume_%lld",
		(long long)volume->id);
	json_put_text(body, "linux_device", device);
	return volume;
}

/* Starts the actions and answers with them. */
static bool answer_volume(
	struct call *call, struct resource *volume, struct resource *server)
{
	struct json_object *next = json_object_new_array();
	const struct plan plan = {
		.command = "create_volume",
		.seconds = 2,
		.subject = volume,
		.effect = volume_created,
	};
	struct resource *creation = action_start(call->project, &plan);

	if (server)
		json_add(next,
			resource_view(call->project,
				start_attach(call, volume, server, creation)));
	answer(call, 201, "volume", resource_view(call->project, volume));
	answer_add(call, "action", resource_view(call->project, creation));
	answer_add(call, "next_actions", next);
	return true;
}

bool create_volume(struct call *call)
{
	struct fields in = fields_of(call);
	const char *name = want_name(&in, KIND_VOLUME);
	int64_t size = want_number(&in, "size", 10, 10240);
	struct resource *server =
		json_at(in.at, "server")
			? want_reference(&in, "server", KIND_SERVER)
			: NULL;
	struct resource *location = volume_place(&in, server);
	struct resource *volume;

	if (call->refused || !require_quota(call, KIND_VOLUME))
		return false;
	if (server && !require_idle(call, server, "locked"))
		return false;
	volume = volume_new(&in, name, size, location);
	return volume && answer_volume(call, volume, server);
}

bool delete_volume(struct call *call)
{
	if (!require_unprotected(call) ||
		!require_idle(call, call->self, "locked"))
		return false;
	if (call->self->holder)
		return refuse(call, "service_error",
			"volume with ID '%lld' is still attached to a server",
			(long long)call->self->id);
	resource_remove(call->project, call->self);
	return answer_nothing(call);
}

bool attach_volume(struct call *call)
{
	struct fields in = fields_of(call);
	struct resource *server = want_reference(&in, "server", KIND_SERVER);

	if (!server || !require_idle(call, call->self, "locked") ||
		!require_idle(call, server, "locked"))
		return false;
	if (call->self->holder)
		return refuse(call, "volume_already_attached",
			"volume is already attached to a server");
	if (location_id(call->self) != location_id(server))
		return refuse_at(&in, "server", "is in another location");
	return answer(call, 201, "action",
		resource_view(call->project,
			start_attach(call, call->self, server, NULL)));
}

bool detach_volume(struct call *call)
{
	struct resource *server =
		resource_find(call->project, KIND_SERVER, call->self->holder);

	if (!require_idle(call, call->self, "locked"))
		return false;
	if (!server)
		return refuse(call, "volume_not_attached",
			"volume is not attached to a server");
	if (!require_idle(call, server, "locked"))
		return false;

	const struct plan plan = {
		.command = "detach_volume",
		.seconds = 3,
		.subject = call->self,
		.other = server,
		.locks_other = true,
		.effect = volume_detached,
	};

	return act(call, &plan);
}

bool resize_volume(struct call *call)
{
	struct fields in = fields_of(call);
	int64_t old = json_number(call->self->body, "size");
	int64_t size = want_number(&in, "size", old + 1, 10240);

	if (call->refused || !require_idle(call, call->self, "locked"))
		return false;
	json_put_number(call->self->body, "size", size);

	const struct plan plan = {
		.command = "resize_volume",
		.seconds = 1,
		.subject = call->self,
	};

	return act(call, &plan);
}
