/* Rules that many handlers share. */
#include "call.h"

#include <string.h>

bool require_name_free(struct call *call, enum kind kind, const char *name)
{
	const struct resource *other =
		resource_named(call->project, kind, name);

	if (other && other != call->self)
		return refuse_taken(call, "name");
	return true;
}

bool require_quota(struct call *call, enum kind kind)
{
	int64_t quota = call->project->quota[kind];

	if (quota < 0 || (int64_t)shelf_of(call->project, kind)->count < quota)
		return true;
	return refuse(call, "resource_limit_exceeded",
		"limit of %s reached: %lld", kinds[kind].many,
		(long long)quota);
}

bool require_unprotected(struct call *call)
{
	const struct json_object *protection =
		json_at(call->self->body, "protection");

	if (!json_flag(protection, "delete"))
		return true;
	return refuse(call, "protected", "%s deletion is protected",
		kinds[call->self->kind].one);
}

bool require_idle(
	struct call *call, const struct resource *resource, const char *code)
{
	if (!resource->busy)
		return true;
	if (strcmp(code, "locked") == 0)
		return refuse(
			call, code, "%s is locked", kinds[resource->kind].one);
	return refuse(call, code, "%s has changed during request",
		kinds[resource->kind].one);
}

struct resource *require_resource(
	struct call *call, enum kind kind, int64_t id, const char *field)
{
	struct resource *found = resource_find(call->project, kind, id);

	if (!found)
		refuse_field(call, field, "%s %lld does not exist",
			kinds[kind].one, (long long)id);
	return found;
}
