/* The text format of what is sealed: version, key id, base64. */
#pragma once

#include "keyring.h"

#include <stddef.h>

/* Sealed by anybody (a box), and by a worker for workers (its own). */
enum sealed_form { SEALED_BOX, SEALED_OWN, SEALED_FORM_COUNT };

/* The caller frees with free(). */
char *sealed_text_write(enum sealed_form form, const struct key *key,
	const unsigned char *bytes, size_t size);

/* A sealed text that was read. */
struct sealed_bytes {
	const struct key *key; /* with its secrets; borrowed */
	unsigned char *bytes;  /* free() */
	size_t size;           /* `least` or more */
};

/* Reads a text of that form and finds its key: "sealed_malformed",
 * "sealed_unknown_key". */
bool sealed_text_read(enum sealed_form form, const struct keyring *keyring,
	const char *context, const char *sealed, size_t least,
	struct sealed_bytes *out, struct err *err);

/* Has it the head of that form? */
bool sealed_text_is(
	enum sealed_form form, const char *sealed, char id[SEAL_KEY_ID_SIZE]);

/* "sealed_broken": tampered with, or moved here from elsewhere. */
bool sealed_refuse_broken(const char *context, struct err *err);
