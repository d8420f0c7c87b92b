/* Placement groups: up to ten servers that are spread over hosts. */
#include "refresh.h"
#include "small_kinds.h"

#define MOST_IN_GROUP 10

bool create_placement_group(struct call *call)
{
	static const char *const types[] = {"spread", NULL};
	struct fields in = fields_of(call);
	const char *name = want_name(&in, KIND_PLACEMENT_GROUP);
	const char *type = want_word(&in, "type", types);
	struct json_object *labels = may_labels(&in);

	if (call->refused || !require_quota(call, KIND_PLACEMENT_GROUP)) {
		json_object_put(labels);
		return false;
	}

	struct json_object *body = json_object_new_object();

	json_put_text(body, "name", name);
	json_put_text(body, "type", type);
	json_put(body, "labels", labels);
	answer(call, 201, "placement_group",
		resource_view(
			call->project, resource_new(call->project,
					       KIND_PLACEMENT_GROUP, body)));
	answer_add(call, "action", NULL);
	return true;
}

static struct json_object *members(struct project *project, int64_t group)
{
	struct json_object *ids = json_object_new_array();
	struct resource *server;

	shelf_each(shelf_of(project, KIND_SERVER),
		server) if (server->holder == group)
		json_add_number(ids, server->id);
	return ids;
}

void placement_group_refresh(struct project *project, struct resource *group)
{
	json_put(group->body, "servers", members(project, group->id));
}

void placement_group_leave(struct project *project, struct resource *group)
{
	struct resource *server;

	shelf_each(shelf_of(project, KIND_SERVER),
		server) if (server->holder == group->id) server->holder = 0;
}

bool require_room_in_group(struct call *call, const struct resource *group)
{
	struct json_object *ids = members(call->project, group->id);
	size_t count = json_count(ids);

	json_object_put(ids);
	if (count < MOST_IN_GROUP)
		return true;
	return refuse(call, "placement_error",
		"placement group %s already contains %d servers",
		resource_name(group), MOST_IN_GROUP);
}

bool add_to_placement_group(struct call *call)
{
	struct fields in = fields_of(call);
	struct resource *group =
		want_reference(&in, "placement_group", KIND_PLACEMENT_GROUP);

	if (!group || !require_idle(call, call->self, "locked") ||
		!require_room_in_group(call, group))
		return false;
	call->self->holder = group->id;

	const struct plan plan = {
		.command = "add_to_placement_group",
		.seconds = 1,
		.subject = call->self,
		.other = group,
	};

	return act(call, &plan);
}

bool remove_from_placement_group(struct call *call)
{
	if (!require_idle(call, call->self, "locked"))
		return false;
	call->self->holder = 0;

	const struct plan plan = {
		.command = "remove_from_placement_group",
		.seconds = 1,
		.subject = call->self,
	};

	return act(call, &plan);
}
