/*
 * Walking through a JSON text that may be meant to harm, without building
 * anything of it: the walker names the members it wants and passes over the
 * rest. What is not JSON ends the walk with `bad`; every step goes forward.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scan {
	const char *at, *end;
	bool fresh; /* just entered: no comma before the next one */
	bool bad;
};

/* Text between quotes, as it stands there: escapes are not undone. */
struct piece {
	const char *bytes;
	size_t size;
};

struct scan scan_begin(const char *text, size_t size);
bool piece_is(const struct piece *piece, const char *word);

/* Enters the object or list here; anything else is passed over, and false. */
bool scan_enter_object(struct scan *scan);
bool scan_enter_list(struct scan *scan);
/* The next member's key, or element; false at the end, which is left. What it
 * holds has to be read or skipped before the next. */
bool scan_member(struct scan *scan, struct piece *key);
bool scan_element(struct scan *scan);

/* Read the value here; one of another type is passed over, and nothing. */
struct piece scan_text(struct scan *scan);
int64_t scan_number(struct scan *scan); /* 0 to INT32_MAX, or -1 */
void scan_skip(struct scan *scan);
