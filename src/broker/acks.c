/* An array in the order of the tags: searched by halves, and closed up once for
 * all that leave together. */
#include "acks.h"

#include <byoc/memory.h>
#include <stdlib.h>
#include <string.h>

void acks_init(struct acks *acks, size_t room)
{
	*acks = (struct acks){
		.slots = memory_new(room * sizeof *acks->slots),
		.room = room,
		.single = memory_new(room * sizeof *acks->single),
	};
}

void acks_clear(struct acks *acks)
{
	free(acks->slots);
	free(acks->single);
	*acks = (struct acks){0};
}

bool acks_add(struct acks *acks, uint64_t tag)
{
	if (acks->count == acks->room)
		return false;
	acks->slots[acks->count++] = (struct ack_slot){.tag = tag};
	return true;
}

static int compare(const void *key, const void *element)
{
	const uint64_t tag = *(const uint64_t *)key;
	const struct ack_slot *slot = element;

	return (tag > slot->tag) - (tag < slot->tag);
}

static struct ack_slot *find(const struct acks *acks, uint64_t tag)
{
	struct ack_slot *slot =
		bsearch(&tag, acks->slots, acks->count, sizeof *slot, compare);

	return slot && !slot->acked ? slot : NULL;
}

bool acks_note(struct acks *acks, uint64_t tag)
{
	struct ack_slot *slot = find(acks, tag);

	if (slot)
		slot->acked = true;
	return slot;
}

bool acks_remove(struct acks *acks, uint64_t tag)
{
	struct ack_slot *slot = find(acks, tag);

	if (!slot)
		return false;
	acks->count--;
	memmove(slot, slot + 1,
		(size_t)(acks->slots + acks->count - slot) * sizeof *slot);
	return true;
}

struct acks_due acks_take(struct acks *acks)
{
	struct acks_due due = {.single = acks->single};
	size_t left = 0;

	for (size_t i = 0; i < acks->count; i++) {
		const struct ack_slot slot = acks->slots[i];
		if (!slot.acked)
			acks->slots[left++] = slot;
		else if (left == 0)
			due.up_to = slot.tag;
		else
			acks->single[due.count++] = slot.tag;
	}
	acks->count = left;
	return due;
}
