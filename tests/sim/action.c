/*
 * Actions and the events that end them. An action is a resource like any
 * other; its event says when it is over and what comes true then.
 */
#include "fault.h"
#include "memory.h"

struct event {
	struct event *next; /* the next one due */
	struct project *project;
	struct plan plan; /* its subject and other may be gone by then */
	enum kind kind;
	int64_t subject, other;
	enum kind other_kind;
	int64_t due_ms;
	struct resource *action;
	struct json_object *wish; /* how it fails, or NULL */
};

static void event_schedule(struct world *world, struct event *event)
{
	struct event **at = &world->events;

	while (*at && (*at)->due_ms <= event->due_ms)
		at = &(*at)->next;
	event->next = *at;
	*at = event;
}

static struct json_object *reference(const struct resource *resource)
{
	struct json_object *made = json_object_new_object();

	json_put_number(made, "id", resource->id);
	json_put_text(made, "type", kinds[resource->kind].one);
	return made;
}

static struct resource *action_new(
	struct project *project, const struct plan *plan)
{
	struct json_object *body = json_literal(
		"{'status': 'running', 'progress': 0, 'finished': null,"
		" 'error': null, 'resources': []}");
	struct json_object *resources = json_at(body, "resources");
	char now[32];

	now_text(project->world, now);
	json_put_text(body, "command", plan->command);
	json_put_text(body, "started", now);
	json_add(resources, reference(plan->subject));
	if (plan->other)
		json_add(resources, reference(plan->other));
	return resource_new(project, KIND_ACTION, body);
}

struct resource *action_start(struct project *project, const struct plan *plan)
{
	struct world *world = project->world;
	struct resource *action = action_new(project, plan);
	struct event *event = must_calloc(1, sizeof *event);

	action->since_ms = world->now_ms;
	action->until_ms = world->now_ms + world_ms(world, plan->seconds);
	*event = (struct event){.project = project,
		.plan = *plan,
		.kind = plan->subject->kind,
		.subject = plan->subject->id,
		.due_ms = action->until_ms,
		.action = action,
		.wish = json_object_get(fault_on_action(world, plan->command))};
	plan->subject->busy++;
	if (plan->other) {
		event->other = plan->other->id;
		event->other_kind = plan->other->kind;
		plan->other->busy += plan->locks_other;
	}
	event_schedule(world, event);
	return action;
}

void action_refresh(struct project *project, struct resource *action)
{
	int64_t whole = action->until_ms - action->since_ms;
	int64_t past = project->world->now_ms - action->since_ms;

	if (strcmp(json_text(action->body, "status"), "running") == 0 && whole)
		json_put_number(action->body, "progress", past * 100 / whole);
}

static bool failed(const struct resource *action)
{
	return action &&
	       strcmp(json_text(action->body, "status"), "error") == 0;
}

static void action_end(const struct world *world, struct resource *action,
	bool well, const struct json_object *wish)
{
	const char *code = json_text(wish, "code");
	const char *message = json_text(wish, "message");
	char now[32];

	now_text(world, now);
	json_put_text(action->body, "finished", now);
	json_put_number(action->body, "progress", 100);
	json_put_text(action->body, "status", well ? "success" : "error");
	if (well)
		return;

	struct json_object *error = json_object_new_object();

	json_put_text(error, "code", code ? code : "action_failed");
	json_put_text(error, "message", message ? message : "Action failed");
	json_put(action->body, "error", error);
}

static void event_free(struct event *event)
{
	json_object_put(event->plan.detail);
	json_object_put(event->wish);
	free(event);
}

static void event_happen(struct event *event)
{
	struct project *project = event->project;
	struct plan *plan = &event->plan;
	struct resource *subject =
		resource_find(project, event->kind, event->subject);
	bool well = !event->wish && !failed(plan->after);

	action_end(project->world, event->action, well, event->wish);
	if (plan->locks_other) {
		struct resource *other =
			resource_find(project, event->other_kind, event->other);

		if (other)
			other->busy--;
	}
	if (!subject)
		return;
	subject->busy--;
	if (well && plan->effect)
		plan->effect(project, subject, plan->detail);
	if (!well && plan->undo)
		plan->undo(project, subject, plan->detail);
}

void events_turn(struct world *world)
{
	int64_t now_ms = world->now_ms;

	while (world->events && world->events->due_ms <= now_ms) {
		struct event *event = world->events;

		world->events = event->next;
		world->now_ms = event->due_ms;
		event_happen(event);
		event_free(event);
	}
	world->now_ms = now_ms;
}

void events_clear(struct world *world)
{
	while (world->events) {
		struct event *event = world->events;

		world->events = event->next;
		event_free(event);
	}
}
