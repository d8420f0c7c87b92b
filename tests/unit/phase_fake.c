/* A tiny Hetzner: see the header. */
#include "phase_fake.h"
#include "phase_fake_parts.h"
#include "phase_harness.h"

#include <byoc/json.h>
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACTION_TAKES = 3 };

void fake_begin(struct fake *fake)
{
	*fake = (struct fake){
		.arena = arena_new(), .last_id = 1000, .page_size = 3};
}

void fake_end(struct fake *fake)
{
	arena_free(fake->arena);
}

static void answer(struct reply *reply, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void answer(struct reply *reply, int status, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	cr_assert_geq(vasprintf(&text, fmt, args), 0);
	va_end(args);
	reply_read(reply, status, text, strlen(text));
	/* What is said is JSON: else the test would test something else. */
	cr_assert(reply->body || !*text, "%s", text);
	free(text);
}

static void answer_error(struct reply *reply, int status, const char *code)
{
	answer(reply, status,
		"{\"error\":{\"code\":\"%s\",\"message\":\"no\"}}", code);
}

struct fake_thing *fake_add(
	struct fake *fake, enum resource_kind kind, const char *name)
{
	cr_assert_lt(fake->count, FAKE_THINGS);
	struct fake_thing *thing = &fake->things[fake->count++];
	*thing = (struct fake_thing){
		.kind = kind, .id = ++fake->last_id, .made_at = fake->clock};
	snprintf(thing->name, sizeof thing->name, "%s", name);
	return thing;
}

struct fake_thing *fake_find(
	struct fake *fake, enum resource_kind kind, const char *name)
{
	for (size_t i = 0; i < fake->count; i++)
		if (fake->things[i].kind == kind &&
			strcmp(fake->things[i].name, name) == 0)
			return &fake->things[i];
	return NULL;
}

static struct fake_thing *find_id(
	struct fake *fake, enum resource_kind kind, int64_t id)
{
	for (size_t i = 0; i < fake->count; i++)
		if (fake->things[i].kind == kind && fake->things[i].id == id)
			return &fake->things[i];
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const struct fake_thing *x = a, *y = b;

	return x->kind != y->kind ? (int)x->kind - (int)y->kind
				  : strcmp(x->name, y->name);
}

const char *fake_list(struct fake *fake)
{
	struct fake_thing sorted[FAKE_THINGS];
	const char *text = "";

	memcpy(sorted, fake->things, sizeof sorted);
	qsort(sorted, fake->count, sizeof *sorted, compare);
	for (size_t i = 0; i < fake->count; i++)
		text = arena_format(fake->arena, "%s%s %s, ", text,
			kind_singular(sorted[i].kind), sorted[i].name);
	return text;
}

static void drop(struct fake *fake, struct fake_thing *thing)
{
	for (size_t i = 0; i < fake->count; i++) {
		struct fake_thing *other = &fake->things[i];
		if (other->server == thing->id)
			other->server = 0;
		if (other->target == thing->id)
			other->target = 0;
		if (thing->kind == RESOURCE_NETWORK &&
			other->network == thing->id)
			other->network = 0;
	}
	*thing = fake->things[--fake->count];
}

/* Lets come true what is due. */
static void pass_time(struct fake *fake)
{
	fake->clock++;
	for (size_t i = fake->count; i-- > 0;) {
		struct fake_thing *thing = &fake->things[i];
		if (thing->planned_network &&
			thing->busy_until <= fake->clock) {
			thing->network = thing->planned_network;
			thing->planned_network = 0;
			if (!thing->address[0])
				snprintf(thing->address, sizeof thing->address,
					"10.0.0.%d", (int)(thing->id % 200));
		}
		if (thing->gone_at && thing->gone_at <= fake->clock)
			drop(fake, thing);
	}
}

static const char *new_action(struct fake *fake, struct fake_thing *thing)
{
	cr_assert_lt(fake->action_count, FAKE_ACTIONS);
	thing->busy_until = fake->clock + ACTION_TAKES;
	fake->actions[fake->action_count].thing = thing->id;
	fake->actions[fake->action_count].id = ++fake->last_id;
	fake->actions[fake->action_count++].ends_at = thing->busy_until;
	return arena_format(fake->arena,
		"{\"id\":%lld,\"status\":\"running\",\"error\":null}",
		(long long)fake->last_id);
}

/* ---- Requests ---- */

static void copy_label(
	struct json_object *body, const char *key, char *out, size_t size)
{
	struct err err = {0};
	struct json_in in = {body, "body", &err}, labels;

	if (json_opt_into(&in, "labels", &labels))
		json_opt_text(&labels, key, out, size);
	cr_assert_eq(err.kind, ERR_NONE);
}

static void read_server(struct json_object *body, struct fake_thing *thing)
{
	struct err err = {0};
	struct json_in in = {body, "body", &err}, wall;

	if (json_count(&in, "networks"))
		thing->planned_network = json_element_i64(&in, "networks", 0);
	if (json_count(&in, "firewalls") &&
		json_element(&in, "firewalls", 0, &wall))
		json_i64(&wall, "firewall", &thing->firewall);
	cr_assert_eq(err.kind, ERR_NONE);
}

static void create(struct fake *fake, enum resource_kind kind,
	struct json_object *body, struct reply *reply)
{
	struct err err = {0};
	struct json_in in = {body, "body", &err};
	char name[64] = "";

	json_text(&in, "name", name, sizeof name);
	if (fake_find(fake, kind, name)) {
		answer_error(reply, 409, "uniqueness_error");
		return;
	}
	struct fake_thing *thing = fake_add(fake, kind, name);
	copy_label(body, LABEL_CLUSTER, thing->cluster, sizeof thing->cluster);
	copy_label(body, LABEL_PHASE, thing->phase, sizeof thing->phase);
	copy_label(body, "mengi.cloud/role", thing->role, sizeof thing->role);
	json_opt_i64(&in, "network", &thing->planned_network);
	const char *action = "null";
	if (kind == RESOURCE_SERVER)
		read_server(body, thing);
	if (kind == RESOURCE_SERVER || kind == RESOURCE_LOAD_BALANCER)
		action = new_action(fake, thing);
	answer(reply, 201, "{\"%s\":%s,\"action\":%s}", kind_singular(kind),
		fake_view(fake, thing), action);
}

static bool in_use(struct fake *fake, const struct fake_thing *thing)
{
	for (size_t i = 0; i < fake->count; i++)
		if ((thing->kind == RESOURCE_FIREWALL &&
			    fake->things[i].firewall == thing->id) ||
			(thing->kind == RESOURCE_NETWORK &&
				fake->things[i].network == thing->id))
			return true;
	return (thing->kind == RESOURCE_VOLUME && thing->server) ||
	       (thing->kind == RESOURCE_CERTIFICATE && thing->target);
}

static void delete (
	struct fake *fake, struct fake_thing *thing, struct reply *reply)
{
	if (thing->busy_until > fake->clock || thing->gone_at) {
		answer_error(reply, 423, "locked");
	} else if (thing->protected_) {
		answer_error(reply, 403, "protected");
	} else if (thing->kind == RESOURCE_FLOATING_IP && thing->server) {
		answer_error(reply, 422, "must_be_unassigned");
	} else if (in_use(fake, thing)) {
		answer_error(reply, 422, "resource_in_use");
	} else if (thing->kind == RESOURCE_SERVER) {
		thing->gone_at = fake->clock + ACTION_TAKES;
		answer(reply, 200,
			"{\"action\":{\"id\":1,\"status\":"
			"\"running\"}}");
	} else {
		drop(fake, thing);
		answer(reply, 204, "%s", "");
	}
}

static void act(struct fake *fake, struct fake_thing *thing, const char *what,
	struct json_object *body, struct reply *reply)
{
	struct err err = {0};
	struct json_in in = {body, "body", &err};

	if (thing->busy_until > fake->clock) {
		answer_error(reply, 423, "locked");
		return;
	}
	if (strcmp(what, "detach") == 0 || strcmp(what, "unassign") == 0) {
		thing->server = 0;
	} else {
		cr_assert_str_eq(what, "attach_to_network");
		if (thing->network) {
			answer_error(reply, 422, "server_already_attached");
			return;
		}
		json_i64(&in, "network", &thing->planned_network);
		json_text(&in, "ip", thing->address, sizeof thing->address);
	}
	answer(reply, 201, "{\"action\":%s}", new_action(fake, thing));
}

/* New labels, which are all that anybody changes. */
static void update(struct fake *fake, struct fake_thing *thing,
	struct json_object *body, struct reply *reply)
{
	char cluster[40] = "";

	copy_label(body, "mengi.cloud/kept-from", cluster, sizeof cluster);
	cr_assert_str_eq(cluster, CLUSTER_ID);
	thing->cluster[0] = '\0';
	thing->kept = true;
	answer(reply, 200, "{\"%s\":%s}", kind_singular(thing->kind),
		fake_view(fake, thing));
}

static bool selected(const struct fake_thing *thing, const char *query)
{
	char wanted[160];

	if (strstr(query, "name=")) {
		snprintf(wanted, sizeof wanted, "?name=%s", thing->name);
		return strcmp(query, wanted) == 0;
	}
	if (!strstr(query, "label_selector="))
		return true;
	if (strstr(query, "hcloud-ccm%2Fservice-uid"))
		return thing->controllers;
	snprintf(wanted, sizeof wanted, "cluster%%3D%s", thing->cluster);
	if (!thing->cluster[0] || !strstr(query, wanted))
		return false;
	snprintf(wanted, sizeof wanted, "phase%%3D%s&", thing->phase);
	return !strstr(query, "phase%3D") || strstr(query, wanted);
}

static void list(struct fake *fake, enum resource_kind kind, const char *query,
	struct reply *reply)
{
	const char *page_text = strstr(query, "&page=");
	int page = page_text ? atoi(page_text + 6) : 1, found = 0;
	int size = page_text ? fake->page_size : FAKE_THINGS;
	const char *text = "";

	for (size_t i = 0; i < fake->count; i++) {
		struct fake_thing *thing = &fake->things[i];
		if (thing->kind != kind || !selected(thing, query))
			continue;
		if (found / size + 1 == page)
			text = arena_format(fake->arena, "%s%s%s", text,
				*text ? "," : "", fake_view(fake, thing));
		found++;
	}
	answer(reply, 200,
		found > page * size ? "{\"%s\":[%s],\"meta\":{\"pagination\":"
				      "{\"next_page\":%d}}}"
				    : "{\"%s\":[%s],\"ignored\":%d}",
		kind_plural(kind), text, page + 1);
}

static const char server_types[] =
	"{\"server_types\":[{\"name\":\"cx23\",\"cores\":2,\"memory\":4,"
	"\"architecture\":\"x86\",\"cpu_type\":\"shared\",\"locations\":"
	"[{\"name\":\"fsn1\"}]}]}";

static enum resource_kind kind_of(const char *path)
{
	size_t length = strcspn(path + 1, "/?");

	for (int i = 0; i < RESOURCE_KIND_COUNT; i++) {
		const char *plural = kind_plural((enum resource_kind)i);
		if (strlen(plural) == length &&
			strncmp(path + 1, plural, length) == 0)
			return (enum resource_kind)i;
	}
	return RESOURCE_KIND_COUNT;
}

/* What still runs; nothing ever fails here. */
static void list_actions(
	struct fake *fake, const struct fake_thing *thing, struct reply *reply)
{
	const char *text = "";

	for (size_t i = 0; i < fake->action_count; i++)
		if (fake->actions[i].thing == thing->id &&
			fake->actions[i].ends_at > fake->clock)
			text = arena_format(fake->arena,
				"%s%s{\"id\":%lld,\"status\":\"running\"}",
				text, *text ? "," : "",
				(long long)fake->actions[i].id);
	answer(reply, 200, "{\"actions\":[%s]}", text);
}

void fake_answer(
	struct fake *fake, const struct request *request, struct reply *reply)
{
	const char *path = request->path;
	enum resource_kind kind = kind_of(path);
	const char *rest = path + 1 + strcspn(path + 1, "/?");

	pass_time(fake);
	if (request->server) {
		fake_answer_of_cluster(fake, request, reply);
		return;
	}
	if (strncmp(path, "/server_types?", 14) == 0) {
		answer(reply, 200, "%s", server_types);
		return;
	}
	cr_assert_neq(kind, RESOURCE_KIND_COUNT, "%s", path);
	if (*rest != '/') {
		if (request->method == METHOD_POST)
			create(fake, kind, request->body, reply);
		else
			list(fake, kind, rest, reply);
		return;
	}
	struct fake_thing *thing = find_id(fake, kind, atoll(rest + 1));
	if (!thing)
		answer_error(reply, 404, "not_found");
	else if (request->method == METHOD_DELETE)
		delete (fake, thing, reply);
	else if (strstr(rest, "/actions?"))
		list_actions(fake, thing, reply);
	else if (request->method == METHOD_PUT)
		update(fake, thing, request->body, reply);
	else if (request->method == METHOD_GET)
		answer(reply, 200, "{\"%s\":%s}", kind_singular(kind),
			fake_view(fake, thing));
	else
		act(fake, thing, strrchr(path, '/') + 1, request->body, reply);
}

void fake_answer_actions(struct fake *fake, const int64_t *ids, size_t count,
	struct reply *reply)
{
	const char *text = "";

	pass_time(fake);
	for (size_t i = 0; i < fake->action_count; i++)
		for (size_t j = 0; j < count; j++)
			if (fake->actions[i].id == ids[j])
				text = arena_format(fake->arena,
					"%s%s{\"id\":%lld,\"status\":\"%s\"}",
					text, *text ? "," : "",
					(long long)ids[j],
					fake->actions[i].ends_at <= fake->clock
						? "success"
						: "running");
	answer(reply, 200, "{\"actions\":[%s]}", text);
}
