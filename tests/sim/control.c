/*
 * The test's own door, under /_sim: look at the whole state, count calls, and
 * ask for trouble. No token is needed here.
 */
#include "../kube/kube.h"
#include "fault.h"
#include "router.h"

#include <string.h>

static struct json_object *project_view(struct project *project)
{
	struct json_object *view = json_object_new_object();

	for (enum kind kind = KIND_SSH_KEY; kind < KIND_COUNT; kind++)
		json_put(view, kinds[kind].many, resource_views(project, kind));
	return view;
}

/* What a resource hides is shown with it, but only here. */
static void add_hidden(struct project *project, struct json_object *view)
{
	struct json_object *servers = json_object_new_array();
	struct resource *server;

	shelf_each(shelf_of(project, KIND_SERVER), server)
	{
		struct json_object *shown = json_object_new_object();

		json_object_object_foreach(server->body, key, value)
			json_put(shown, key, json_object_get(value));
		json_object_object_foreach(server->hidden, name, secret)
			json_put(shown, name, json_object_get(secret));
		json_add(servers, shown);
	}
	json_put(view, "servers", servers);
}

/* Of all projects, unless one is asked for. */
static bool show_state(struct call *call)
{
	struct json_object *projects = json_object_new_object();
	const char *wanted = call_query(call, "project");

	for (struct project *p = call->world->projects; p; p = p->next) {
		if (wanted && strcmp(p->name, wanted) != 0)
			continue;
		struct json_object *view = project_view(p);

		add_hidden(p, view);
		json_put(projects, p->name, view);
	}
	return answer(call, 200, "projects", projects);
}

static bool show_calls(struct call *call)
{
	struct json_object *calls = call->world->calls;
	int64_t total = 0;

	json_object_object_foreach(calls, key, value)
	{
		(void)key;
		total += json_object_get_int64(value);
	}
	answer(call, 200, "calls", json_object_get(calls));
	answer_add(call, "total", json_object_new_int64(total));
	return true;
}

static bool reset_calls(struct call *call)
{
	json_object_put(call->world->calls);
	call->world->calls = json_object_new_object();
	return answer_nothing(call);
}

static bool is_word_of(const char *word, const char *const words[])
{
	while (*words && strcmp(*words, word) != 0)
		words++;
	return *words != NULL;
}

/* A wish with a word that is not known would go unheard: better to say so. */
static bool take_wish(struct fields *in, const char *const words[])
{
	json_object_object_foreach(in->at, key, value)
	{
		(void)value;
		if (!is_word_of(key, words))
			return refuse_at(in, key, "is not known");
	}
	return answer(in->call, 201, "id",
		json_object_new_int64(fault_add(in->call->world, in->at)->id));
}

static bool add_call_fault(struct call *call)
{
	static const char *const words[] = {"method", "path", "token",
		"project", "nth", "times", "when", "latency_ms", "hold_ms",
		"drop", "status", "code", "message", "body_text", NULL};
	struct fields in = fields_of(call);

	if (call->refused)
		return false;
	if (!json_at(in.at, "latency_ms") && !json_at(in.at, "hold_ms") &&
		!json_at(in.at, "drop") && !json_at(in.at, "status") &&
		!json_at(in.at, "code"))
		return refuse_at(&in, "status",
			"or code, drop, latency_ms or hold_ms is needed");
	return take_wish(&in, words);
}

static bool add_action_fault(struct call *call)
{
	static const char *const words[] = {
		"command", "nth", "times", "code", "message", NULL};
	struct fields in = fields_of(call);

	return want_text(&in, "command") && take_wish(&in, words);
}

static bool show_faults(struct call *call)
{
	return answer(call, 200, "faults", faults_view(call->world));
}

static bool clear_faults(struct call *call)
{
	faults_clear(call->world);
	if (call->world->kube)
		kube_forgive(call->world->kube);
	return answer_nothing(call);
}

static bool show_clusters(struct call *call)
{
	if (!call->world->kube)
		return refuse(call, "not_found", "started without --clusters");
	return answer(call, 200, "clusters", kube_view(call->world->kube));
}

static bool disturb_clusters(struct call *call)
{
	struct fields in = fields_of(call);

	if (!call->world->kube)
		return refuse(call, "not_found", "started without --clusters");
	if (!kube_decree(call->world->kube, in.at))
		return refuse_at(&in, "fate",
			"or api is needed, with a word that is known");
	return answer_nothing(call);
}

static bool sell_out(struct call *call)
{
	struct fields in = fields_of(call);
	const char *type = want_text(&in, "server_type");
	const char *location = want_text(&in, "location");
	char key[80];

	if (!type || !location)
		return false;
	snprintf(key, sizeof key, "%s %s", type, location);
	json_put_flag(
		call->world->sold_out, key, may_flag(&in, "sold_out", true));
	return !call->refused && answer_nothing(call);
}

static struct project *named_project(struct fields *in)
{
	return project_named(
		in->call->world, may_text(in, "project", "default"));
}

/* {"servers": 5, "load_balancers": null}; null lifts the limit. */
static bool set_quota(struct call *call)
{
	struct fields in = fields_of(call);
	struct project *project = named_project(&in);

	if (call->refused)
		return false;
	json_object_object_foreach(in.at, key, value)
	{
		enum kind kind = kind_named(key);

		if (kind < KIND_COUNT)
			project->quota[kind] =
				value ? json_object_get_int64(value) : -1;
	}
	return answer_nothing(call);
}

static void may_double(struct fields *in, const char *key, double *number)
{
	struct json_object *value = json_at(in->at, key);
	double wanted = json_object_get_double(value);

	if (value && wanted >= 0 && wanted <= 1e9)
		*number = wanted;
	else if (value)
		refuse_at(in, key, "must be between 0 and 1e9");
}

static bool set_rate_limit(struct call *call)
{
	struct fields in = fields_of(call);
	struct bucket *bucket = &named_project(&in)->bucket;

	may_double(&in, "limit", &bucket->limit);
	may_double(&in, "remaining", &bucket->remaining);
	may_double(&in, "refill_per_second", &bucket->refill_per_second);
	bucket->filled_at_ms = call->world->now_ms;
	return !call->refused && answer_nothing(call);
}

static bool add_token(struct call *call)
{
	static const char *const accesses[] = {"rw", "ro", NULL};
	struct fields in = fields_of(call);
	const char *text = want_text(&in, "token");
	const char *project = may_text(&in, "project", "default");
	const char *access = json_at(in.at, "access")
				     ? want_word(&in, "access", accesses)
				     : "rw";

	if (call->refused)
		return false;
	token_add(call->world, text, project, strcmp(access, "ro") == 0);
	return answer_nothing(call);
}

static bool revoke_token(struct call *call)
{
	struct fields in = fields_of(call);
	const char *text = want_text(&in, "token");

	if (!text)
		return false;
	if (!token_revoke(call->world, text))
		return refuse(call, "not_found", "no such token");
	return answer_nothing(call);
}

static struct resource *find_anywhere(
	struct world *world, enum kind kind, int64_t id)
{
	for (struct project *p = world->projects; p; p = p->next) {
		struct resource *found = resource_find(p, kind, id);

		if (found)
			return found;
	}
	return NULL;
}

static bool protect(struct call *call)
{
	struct fields in = fields_of(call);
	const char *many = want_text(&in, "kind");
	int64_t id = want_id(&in, "id");
	enum kind kind = many ? kind_named(many) : KIND_COUNT;
	struct resource *resource =
		kind < KIND_COUNT ? find_anywhere(call->world, kind, id) : NULL;

	if (!resource || !json_at(resource->body, "protection"))
		return refuse(call, "not_found", "nothing to protect");
	json_put_flag(json_at(resource->body, "protection"), "delete",
		may_flag(&in, "protected", true));
	return !call->refused && answer_nothing(call);
}

/* From now on; what has begun ends when it would have. */
static bool set_time_scale(struct call *call)
{
	struct fields in = fields_of(call);
	int64_t scale = want_number(&in, "time_scale", 1, 1000000);

	if (call->refused)
		return false;
	call->world->time_scale = (double)scale;
	return answer_nothing(call);
}

static bool clear(struct call *call)
{
	world_empty(call->world);
	return answer_nothing(call);
}

const struct route sim_routes[] = {
	{"GET", "/_sim/state", 0, show_state},
	{"GET", "/_sim/calls", 0, show_calls},
	{"POST", "/_sim/calls/reset", 0, reset_calls},
	{"GET", "/_sim/faults", 0, show_faults},
	{"POST", "/_sim/faults", 0, add_call_fault},
	{"DELETE", "/_sim/faults", 0, clear_faults},
	{"GET", "/_sim/clusters", 0, show_clusters},
	{"POST", "/_sim/clusters", 0, disturb_clusters},
	{"POST", "/_sim/action_error", 0, add_action_fault},
	{"POST", "/_sim/sold_out", 0, sell_out},
	{"POST", "/_sim/quota", 0, set_quota},
	{"POST", "/_sim/rate_limit", 0, set_rate_limit},
	{"POST", "/_sim/tokens", 0, add_token},
	{"POST", "/_sim/tokens/revoke", 0, revoke_token},
	{"POST", "/_sim/protect", 0, protect},
	{"POST", "/_sim/time_scale", 0, set_time_scale},
	{"POST", "/_sim/clear", 0, clear},
	{NULL, NULL, 0, NULL},
};
