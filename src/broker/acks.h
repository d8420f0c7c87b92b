/*
 * The deliveries that are not settled yet, and which acknowledgements go out
 * for them. In the protocol one may stand for all deliveries up to its own, so
 * that many which are settled together cost one message. Pure: knows no
 * connection. Tags are the protocol's: they grow, per channel.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ack_slot {
	uint64_t tag;
	bool acked; /* and not sent yet */
};

struct acks {
	struct ack_slot *slots; /* by tag */
	size_t count;
	size_t room;
	uint64_t *single; /* acks_take()'s */
};

struct acks_due {
	uint64_t up_to;         /* this one and all before it; 0: none */
	const uint64_t *single; /* these beside it, until the next call */
	size_t count;
};

/* At most `room` deliveries are out at a time. */
void acks_init(struct acks *acks, size_t room);
void acks_clear(struct acks *acks);

/* It has come, after all there are; false when there is no room for it. */
bool acks_add(struct acks *acks, uint64_t tag);

/* It is acknowledged, or settled otherwise; false when it is not out. */
bool acks_note(struct acks *acks, uint64_t tag);
bool acks_remove(struct acks *acks, uint64_t tag);

/* What is to be sent for all that were noted; they are out no more. */
struct acks_due acks_take(struct acks *acks);
