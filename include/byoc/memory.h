/*
 * Memory: allocation that cannot fail (out of memory aborts, for the state is
 * in PostgreSQL and redelivery is the way back), and the arena that holds
 * everything made for one job and is freed with it.
 */
#pragma once

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void *memory_new(size_t size); /* zeroed; the caller frees with free() */
void *memory_resize(void *old, size_t count, size_t size);
char *memory_copy_text(const char *text);

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena); /* takes NULL */

/* Zeroed and aligned for any type; lives as long as the arena. */
void *arena_take(struct arena *arena, size_t size);
char *arena_copy_text(struct arena *arena, const char *text); /* NULL: NULL */
char *arena_format(struct arena *arena, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
