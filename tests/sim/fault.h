/*
 * Trouble on demand: what a test asks to go wrong, and when. A trigger counts
 * the things it matches and fires on the nth and the `times` - 1 after it
 * (for ever when times is 0).
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "world.h"

struct fault {
	struct fault *next;
	int64_t id;
	struct json_object *wish; /* as it was posted */
	int64_t seen;
};

/* Takes a reference to the wish. */
struct fault *fault_add(struct world *world, struct json_object *wish);
void faults_clear(struct world *world);
/* All, with how often each was matched. */
struct json_object *faults_view(const struct world *world);

/* The wish that strikes this request, borrowed, or NULL. */
struct json_object *fault_on_call(struct world *world, const char *method,
	const char *path, const struct token *token);
/* The wish that strikes an action with this command, borrowed, or NULL. */
struct json_object *fault_on_action(struct world *world, const char *command);

#endif
