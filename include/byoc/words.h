/*
 * Enums and their words: one designated table per enum serves JSON, SQL,
 * logs and the command line, and one finder reads them all.
 */
#pragma once

#include <stddef.h>

struct words {
	const char *what; /* "cluster status", for complaints */
	const char *const *text;
	int count;
};

/* The value whose word is `text`, or -1. */
int words_find(const struct words *words, const char *text);

/* The word of a value; "?" when it is outside the table. */
const char *words_text(const struct words *words, int value);

/* "a, b or c" into `out`; cut when it does not fit. */
void words_list(const struct words *words, char *out, size_t size);
