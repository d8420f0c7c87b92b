/*
 * The window of published messages that the broker has not answered yet, and
 * the answers that nobody has taken yet. Pure: knows no connection. Tickets
 * are the protocol's delivery tags: 1, 2, 3, ... per channel.
 */
#pragma once

#include <byoc/broker.h>

enum slot_state { SLOT_ANSWERED, SLOT_WAITING, SLOT_RETURNED };

struct slot {
	enum slot_state state;
	uint64_t address; /* see window_address() */
};

struct window {
	struct slot *slots;      /* a ring, by ticket */
	size_t slot_count;       /* a power of two */
	uint64_t oldest;         /* all before this one are answered */
	uint64_t next;           /* the ticket of the next message */
	struct confirm *answers; /* a ring */
	size_t answer_count;     /* a power of two */
	uint64_t taken;          /* answers taken so far */
	uint64_t given;          /* answers given so far */
};

void window_init(struct window *window);
void window_clear(struct window *window);

/*
 * What a returned message is recognized by, for the protocol names no ticket
 * when it returns one. NULL is an empty text.
 */
uint64_t window_address(
	const char *exchange, const char *routing_key, const char *message_id);

/* A message has been published: its ticket. */
uint64_t window_open(struct window *window, uint64_t address);

/*
 * The oldest message with this address was returned; its confirm follows and
 * will be CONFIRM_RETURNED. False when there is no such message.
 */
bool window_return(struct window *window, uint64_t address);

/*
 * The broker's answer to one message or, if `multiple`, to all up to this one.
 * False when no such message was published.
 */
bool window_answer(struct window *window, uint64_t ticket, bool multiple,
	enum confirm_kind kind);

/* The next answer, or false when there is none. */
bool window_take(struct window *window, struct confirm *confirm);
