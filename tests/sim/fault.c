/*
 * Trouble on demand. Wishes about actions carry a "command", wishes about
 * requests do not; both live in one list, oldest first.
 */
#include "fault.h"
#include "memory.h"

#include <fnmatch.h>

struct fault *fault_add(struct world *world, struct json_object *wish)
{
	struct fault **end = &world->faults;
	struct fault *fault = must_calloc(1, sizeof *fault);

	while (*end)
		end = &(*end)->next;
	fault->id = ++world->last_fault;
	fault->wish = json_object_get(wish);
	return *end = fault;
}

void faults_clear(struct world *world)
{
	while (world->faults) {
		struct fault *fault = world->faults;

		world->faults = fault->next;
		json_object_put(fault->wish);
		free(fault);
	}
}

struct json_object *faults_view(const struct world *world)
{
	struct json_object *views = json_object_new_array();

	for (const struct fault *f = world->faults; f; f = f->next) {
		struct json_object *view = json_copy(f->wish);

		json_put_number(view, "id", f->id);
		json_put_number(view, "seen", f->seen);
		json_add(views, view);
	}
	return views;
}

static int64_t number_or(
	const struct json_object *from, const char *key, int64_t otherwise)
{
	return json_at(from, key) ? json_number(from, key) : otherwise;
}

/* Counts a match and tells whether this is one that fires. */
static bool fires(struct fault *fault)
{
	int64_t nth = number_or(fault->wish, "nth", 1);
	int64_t times = number_or(fault->wish, "times", 1);

	fault->seen++;
	return fault->seen >= nth && (times == 0 || fault->seen < nth + times);
}

/* A wish that does not name the key does not care. */
static bool agrees(
	const struct json_object *wish, const char *key, const char *value)
{
	const char *wanted = json_text(wish, key);

	return !wanted || (value && fnmatch(wanted, value, 0) == 0);
}

struct json_object *fault_on_call(struct world *world, const char *method,
	const char *path, const struct token *token)
{
	struct json_object *struck = NULL;

	for (struct fault *f = world->faults; f; f = f->next) {
		bool matches =
			!json_at(f->wish, "command") &&
			agrees(f->wish, "method", method) &&
			agrees(f->wish, "path", path) &&
			agrees(f->wish, "token", token ? token->text : NULL) &&
			agrees(f->wish, "project",
				token ? token->project->name : NULL);

		if (matches && fires(f) && !struck)
			struck = f->wish;
	}
	return struck;
}

struct json_object *fault_on_action(struct world *world, const char *command)
{
	struct json_object *struck = NULL;

	for (struct fault *f = world->faults; f; f = f->next)
		if (json_at(f->wish, "command") &&
			agrees(f->wish, "command", command) && fires(f) &&
			!struck)
			struck = f->wish;
	return struck;
}
