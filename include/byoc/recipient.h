/*
 * Recipients: who gets the kubeconfigs of a credential's clusters. Of their
 * X25519 key pair the public half is stored with the credential, as the base64
 * of its 32 bytes; kubeconfigs are sealed to it, and no worker opens them.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>

enum { RECIPIENT_KEY_SIZE = 45 }; /* base64 of 32 bytes and its zero byte */

/*
 * Makes a pair: `path` holds the secret half (mode 0600, the format of key
 * files), `path`.pub the public one, a line of base64. Never overwrites.
 */
bool recipient_make(const char *path, struct err *err);

/* Reads such a line, and sees that something can be sealed to it:
 * "recipient_unreadable" or "bad_public_key". */
bool recipient_read(
	const char *path, char key[RECIPIENT_KEY_SIZE], struct err *err);

/*
 * Seals for a recipient: a bare sealed box (crypto_box_seal), as base64. The
 * caller frees *sealed with free(). A key that is none, or to which anybody
 * could open, is "bad_public_key" (ERR_BAD_INPUT).
 */
bool seal_to(const char *public_key, const struct secret *plain, char **sealed,
	struct err *err);

/* Opens what seal_to() made with the secret half in the file `path`:
 * "sealed_malformed" or "sealed_broken". */
bool recipient_open(const char *path, const char *sealed, struct secret *plain,
	struct err *err);
