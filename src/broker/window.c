/*
 * Two rings that grow when full: slots by ticket, and answers in the order in
 * which they came. Every message is opened, answered and taken once, each in
 * constant time; only a returned message is searched for.
 */
#include "window.h"
#include <byoc/memory.h>
#include <stdlib.h>

#define FIRST_SIZE 256

static struct slot *slot_of(struct window *window, uint64_t ticket)
{
	return &window->slots[ticket & (window->slot_count - 1)];
}

static struct confirm *answer_of(struct window *window, uint64_t number)
{
	return &window->answers[number & (window->answer_count - 1)];
}

void window_init(struct window *window)
{
	*window = (struct window){
		.slots = memory_new(FIRST_SIZE * sizeof(struct slot)),
		.slot_count = FIRST_SIZE,
		.oldest = 1,
		.next = 1,
		.answers = memory_new(FIRST_SIZE * sizeof(struct confirm)),
		.answer_count = FIRST_SIZE,
	};
}

void window_clear(struct window *window)
{
	free(window->slots);
	free(window->answers);
	*window = (struct window){0};
}

/* FNV-1a, over the zero byte too, so that "a", "b" is not "ab", "". */
static uint64_t hash_text(uint64_t hash, const char *text)
{
	const char *at = text ? text : "";

	do
		hash = (hash ^ (unsigned char)*at) * 1099511628211u;
	while (*at++);
	return hash;
}

uint64_t window_address(
	const char *exchange, const char *routing_key, const char *message_id)
{
	uint64_t hash = hash_text(14695981039346656037u, exchange);

	return hash_text(hash_text(hash, routing_key), message_id);
}

static void grow_slots(struct window *window)
{
	struct window old = *window;

	window->slot_count *= 2;
	window->slots = memory_new(window->slot_count * sizeof(struct slot));
	for (uint64_t t = old.oldest; t < old.next; t++)
		*slot_of(window, t) = *slot_of(&old, t);
	free(old.slots);
}

static void grow_answers(struct window *window)
{
	struct window old = *window;

	window->answer_count *= 2;
	window->answers =
		memory_new(window->answer_count * sizeof(struct confirm));
	for (uint64_t n = old.taken; n < old.given; n++)
		*answer_of(window, n) = *answer_of(&old, n);
	free(old.answers);
}

uint64_t window_open(struct window *window, uint64_t address)
{
	if (window->next - window->oldest == window->slot_count)
		grow_slots(window);
	*slot_of(window, window->next) = (struct slot){SLOT_WAITING, address};
	return window->next++;
}

bool window_return(struct window *window, uint64_t address)
{
	for (uint64_t t = window->oldest; t < window->next; t++) {
		struct slot *slot = slot_of(window, t);

		if (slot->state != SLOT_WAITING || slot->address != address)
			continue;
		slot->state = SLOT_RETURNED;
		return true;
	}
	return false;
}

static void answer_one(
	struct window *window, uint64_t ticket, enum confirm_kind kind)
{
	struct slot *slot = slot_of(window, ticket);

	if (slot->state == SLOT_ANSWERED)
		return;
	if (window->given - window->taken == window->answer_count)
		grow_answers(window);
	if (slot->state == SLOT_RETURNED)
		kind = CONFIRM_RETURNED;
	slot->state = SLOT_ANSWERED;
	*answer_of(window, window->given++) = (struct confirm){ticket, kind};
}

bool window_answer(struct window *window, uint64_t ticket, bool multiple,
	enum confirm_kind kind)
{
	/* In the protocol "multiple" with 0 means all there are. */
	if (multiple && ticket == 0)
		ticket = window->next - 1;
	if (ticket == 0 || ticket >= window->next)
		return false;
	if (ticket < window->oldest)
		return true;
	for (uint64_t t = multiple ? window->oldest : ticket; t <= ticket; t++)
		answer_one(window, t, kind);
	while (window->oldest < window->next &&
		slot_of(window, window->oldest)->state == SLOT_ANSWERED)
		window->oldest++;
	return true;
}

bool window_take(struct window *window, struct confirm *confirm)
{
	if (window->taken == window->given)
		return false;
	*confirm = *answer_of(window, window->taken++);
	return true;
}
