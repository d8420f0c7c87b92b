/*
 * A secret has its own type, which no log, JSON or error function accepts. Its
 * bytes are in locked memory between guard pages and are wiped when cleared.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct secret {
	char *bytes; /* a zero byte follows the last one */
	size_t size;
};

/* Takes `size` bytes of locked memory, zeroed; the caller clears. */
void secret_init(struct secret *secret, size_t size);

/* Takes a copy of `size` bytes; the caller wipes its own. */
void secret_set(struct secret *secret, const void *bytes, size_t size);

/* Makes the secret shorter and wipes what is cut off. */
void secret_shorten(struct secret *secret, size_t size);

/* Wipes and frees; a cleared or zeroed secret is left alone. */
void secret_clear(struct secret *secret);

/* How much locked memory a secret of that size takes that shares no piece. */
size_t secret_locked_size(size_t size);
/* The most that this process may be allowed to lock, in bytes. */
size_t secret_lock_limit(void);
/* May it lock so many bytes? Raises its limit as far as the system lets it. */
bool secret_may_lock(size_t size);

/*
 * For main(): no core dumps, no ptrace and no /proc/self/mem for others, and
 * libsodium is ready. Aborts when the system refuses.
 */
void secret_harden_process(void);
