/*
 * A run as a tree: what each phase does, how long it has taken, and what it
 * waits for; below, how far the whole is. Text out of values, without I/O.
 */
#pragma once

#include <byoc/json.h>
#include <stdbool.h>
#include <stdint.h>

struct tree_form {
	int columns, rows; /* of the terminal: no line is longer, nor more */
	bool colours;
	bool ascii; /* the terminal knows no other characters */
};

/*
 * `news` is what console_watch() gave `age_ms` ago, `usual_ms` how long such a
 * run takes (-1: nobody knows). Each line ends with a line break. The caller
 * frees.
 */
char *watch_tree(const struct json_in *news, int64_t age_ms, int64_t usual_ms,
	const struct tree_form *form);
