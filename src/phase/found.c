/*
 * What was found at Hetzner: a list without doubles. How long it gets is for an
 * answer to say, so whether an id is there is looked up in a table of places.
 */
#include "parts.h"

#include <string.h>

void *arena_grow(struct arena *arena, void *items, size_t count, size_t *room,
	size_t size)
{
	if (count < *room)
		return items;
	*room = *room ? 2 * *room : 8;
	void *more = arena_take(arena, *room * size);
	if (count)
		memcpy(more, items, count * size);
	return more;
}

/*
 * The place of an id, or the free one (0) where it would be; a place holds the
 * number of its item, from 1 on. One whose item was taken from the end of the
 * list stays, and is nobody's.
 */
static size_t *find_place(const struct found *found, int64_t id)
{
	size_t last = found->place_count - 1; /* a power of two, less one */
	size_t at = ((uint64_t)id * 0x9e3779b97f4a7c15u >> 32) & last;

	for (;; at = (at + 1) & last) {
		size_t number = found->places[at];
		if (!number || (number <= found->count &&
				       found->items[number - 1].id == id))
			return &found->places[at];
	}
}

static void take_place(struct found *found, size_t number)
{
	*find_place(found, found->items[number - 1].id) = number;
	found->places_used++;
}

/* At least half of the places are free, so that each is found at once. */
static void make_places(struct arena *arena, struct found *found)
{
	if (2 * (found->places_used + 1) <= found->place_count)
		return;
	found->place_count = 16;
	while (found->place_count < 4 * (found->count + 1))
		found->place_count *= 2;
	size_t size = found->place_count * sizeof *found->places;
	found->places = arena_take(arena, size);
	memset(found->places, 0, size);
	found->places_used = 0;
	for (size_t number = 1; number <= found->count; number++)
		take_place(found, number);
}

void found_add(
	struct arena *arena, struct found *found, int64_t id, const char *name)
{
	if (found_has(found, id))
		return;
	make_places(arena, found);
	found->items = arena_grow(arena, found->items, found->count,
		&found->room, sizeof *found->items);
	found->items[found->count].id = id;
	found->items[found->count].name = arena_copy_text(arena, name);
	take_place(found, ++found->count);
}

bool found_has(const struct found *found, int64_t id)
{
	return found->count && *find_place(found, id);
}
