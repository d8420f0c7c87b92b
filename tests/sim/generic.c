/* Handlers that are the same for every kind of resource. */
#include "generic.h"
#include "router.h"

#include <string.h>

static bool answer_self(struct call *call)
{
	return answer(call, 200, kinds[call->self->kind].one,
		resource_view(call->project, call->self));
}

bool get_resource(struct call *call)
{
	return answer_self(call);
}

bool get_action(struct call *call)
{
	struct resource *action = resource_find(call->project, KIND_ACTION,
		call->action_id ? call->action_id : call->id);

	if (!action)
		return refuse_missing(call, KIND_ACTION, call->action_id);
	return answer(
		call, 200, "action", resource_view(call->project, action));
}

/* Flags that a PUT may change, where the kind has them. */
static const char *const flags[] = {"auto_delete", "expose_routes_to_vswitch"};

/* Only what is given and what the kind has. */
static void update_flags(struct fields *in, struct json_object *body)
{
	for (size_t i = 0; i < COUNT(flags); i++)
		if (json_at(body, flags[i]))
			json_put_flag(body, flags[i],
				may_flag(in, flags[i],
					json_flag(body, flags[i])));
}

bool update_resource(struct call *call)
{
	struct fields in = fields_of(call);
	struct json_object *body = call->self->body;
	const char *name = json_at(in.at, "name")
				   ? want_name(&in, call->self->kind)
				   : NULL;
	struct json_object *labels = may_labels(&in);

	update_flags(&in, body);
	if (call->refused) {
		json_object_put(labels);
		return false;
	}
	if (name)
		json_put_text(body, "name", name);
	if (json_at(in.at, "labels"))
		json_put(body, "labels", json_object_get(labels));
	json_object_put(labels);
	return answer_self(call);
}

bool delete_resource(struct call *call)
{
	if (!require_unprotected(call))
		return false;
	resource_remove(call->project, call->self);
	return answer_nothing(call);
}

bool change_protection(struct call *call)
{
	struct fields in = fields_of(call);
	struct json_object *protection =
		json_at(call->self->body, "protection");

	json_object_object_foreach(protection, key, value)
	{
		bool old = json_object_get_boolean(value);

		json_object_set_boolean(value, may_flag(&in, key, old));
	}
	if (call->refused)
		return false;

	const struct plan plan = {
		.command = "change_protection",
		.subject = call->self,
	};

	return act(call, &plan);
}

bool gone(struct call *call)
{
	return refuse(call, "deprecated_api_endpoint",
		"this endpoint has been removed: %s", call->path);
}
