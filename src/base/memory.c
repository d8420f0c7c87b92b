/*
 * Memory: allocation that aborts instead of failing, and the arena. Arena
 * blocks grow by doubling; a text larger than a block gets a block of its own.
 */
#include <byoc/memory.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_ALIGN = 16, ARENA_FIRST = 2048, ARENA_MOST = 64 * 1024 };

struct block {
	struct block *next;
	size_t size;
	size_t used;
	_Alignas(ARENA_ALIGN) char bytes[];
};

struct arena {
	struct block *blocks; /* the one in use comes first */
};

static void *or_abort(void *memory)
{
	if (!memory) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *memory_new(size_t size)
{
	return or_abort(calloc(1, size ? size : 1));
}

void *memory_resize(void *old, size_t count, size_t size)
{
	return or_abort(reallocarray(old, count ? count : 1, size));
}

char *memory_copy_text(const char *text)
{
	return or_abort(strdup(text));
}

struct arena *arena_new(void)
{
	return memory_new(sizeof(struct arena));
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	while (arena->blocks) {
		struct block *block = arena->blocks;
		arena->blocks = block->next;
		free(block);
	}
	free(arena);
}

static void add_block(struct arena *arena, size_t at_least)
{
	size_t size = ARENA_FIRST;

	if (arena->blocks && arena->blocks->size * 2 <= ARENA_MOST)
		size = arena->blocks->size * 2;
	if (size < at_least)
		size = at_least;

	struct block *block = memory_new(sizeof(struct block) + size);
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
}

void *arena_take(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		return or_abort(NULL);
	size = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	struct block *block = arena->blocks;
	if (!block || block->size - block->used < size) {
		add_block(arena, size);
		block = arena->blocks;
	}
	void *taken = block->bytes + block->used;
	block->used += size;
	return taken;
}

char *arena_copy_text(struct arena *arena, const char *text)
{
	if (!text)
		return NULL;
	size_t size = strlen(text) + 1;
	return memcpy(arena_take(arena, size), text, size);
}

char *arena_format(struct arena *arena, const char *fmt, ...)
{
	va_list args, again;

	va_start(args, fmt);
	va_copy(again, args);
	int size = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (size < 0)
		abort();
	char *text = arena_take(arena, (size_t)size + 1);
	vsnprintf(text, (size_t)size + 1, fmt, again);
	va_end(again);
	return text;
}
