/*
 * Allocation that cannot fail, and the way out when something cannot be: out
 * of memory, or a mistake of our own, ends the process with a word.
 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline _Noreturn void give_up(const char *why)
{
	fprintf(stderr, "hcloud-sim: %s\n", why);
	abort();
}

static inline void *must_have(void *memory)
{
	if (!memory)
		give_up("out of memory");
	return memory;
}

static inline void *must_calloc(size_t count, size_t size)
{
	return must_have(calloc(count, size));
}

static inline void *must_realloc(void *old, size_t size)
{
	return must_have(realloc(old, size));
}

static inline char *must_strdup(const char *text)
{
	return must_have(strdup(text));
}

#endif
