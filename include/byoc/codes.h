/*
 * The codes that the world outside gets to read: in events, in the rows of
 * clusters, credentials and phases, with a dead letter, and as the constraint
 * of what the database refuses. Each is for machines, and stable; the sentence
 * that comes with it tells the particulars.
 */
#pragma once

#include <stddef.h>

struct code {
	const char *code;
	const char *meaning;
	const char *acts; /* who can do something about it */
	const char *then; /* what helps after that */
};

extern const struct code codes[];
extern const size_t code_count;
