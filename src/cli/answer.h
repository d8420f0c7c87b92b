/* What a worker answers to a job, for commands that wait for it. */
#pragma once

#include "command.h"

struct json_object;
struct column;

/* Finds the answer to a job about a record: NULL if there is none yet. */
typedef struct json_object *answer_look(struct console *console, const char *id,
	const char *job, struct err *err);

/* Waits for it, for as long as --timeout says. NULL: no worker has answered in
 * time, or `err` says why not. The caller frees it. */
struct json_object *answer_await(struct call *call, answer_look *look,
	const char *id, const char *job, struct err *err);

/* Prints the answer's list `key` under a title; false, and nothing, if it is
 * empty. */
bool answer_print(struct json_object *answer, const char *key,
	const char *title, const struct column *columns, size_t count);
