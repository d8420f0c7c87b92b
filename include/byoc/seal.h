/*
 * Sealed secrets at rest: anyone who has a public key can seal, only who has
 * the secret key can open. One text format:
 *
 *	byoc1.<key id>.<base64 of a libsodium sealed box>
 *
 * The plaintext begins with its context ("credential:<uuid>:token") and a zero
 * byte, checked on opening, so that a value moved to another row or field does
 * not open. Errors never show what was sealed.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>

/* Hexadecimal key id: the first 8 bytes of the public key's BLAKE2b hash. */
enum { SEAL_KEY_ID_SIZE = 17 };

struct keyring;

/* Makes a new key pair in `dir` (made when missing, mode 0700):
 * <id>.key for opening (mode 0600) and <id>.pub for sealing. The id is put
 * into `key_id`. Never overwrites. */
bool keyring_make_key(
	const char *dir, char key_id[SEAL_KEY_ID_SIZE], struct err *err);

/*
 * Removes the files of a key. Refused are the newest one, which seals, and one
 * that is not there. Whether something is still sealed with it is for the
 * caller to know; keyring_may_remove asks without removing.
 */
bool keyring_may_remove(const char *dir, const char *key_id, struct err *err);
bool keyring_remove_key(const char *dir, const char *key_id, struct err *err);

/*
 * Loads every key in `dir`. The newest one (by the time written inside it)
 * seals, all open. A secret key file that others can read is refused by name.
 * With `must_open` a folder that holds no secret key is refused. The caller
 * frees.
 */
struct keyring *keyring_load(const char *dir, bool must_open, struct err *err);
void keyring_free(struct keyring *keyring); /* wipes; takes NULL */

/* The id of the key that seals. Borrowed. */
const char *keyring_newest(const struct keyring *keyring);

/* Is there a secret key with this id? */
bool keyring_opens(const struct keyring *keyring, const char *key_id);

/* Seals with the newest key; the caller frees *sealed with free(). */
bool seal(const struct keyring *keyring, const char *context, const void *plain,
	size_t size, char **sealed, struct err *err);

/*
 * Opens what seal() made with the same context. Codes: "sealed_malformed",
 * "sealed_unknown_key" (names the key id), "sealed_broken" (tampered with, or
 * moved here from elsewhere).
 */
bool unseal(const struct keyring *keyring, const char *context,
	const char *sealed, struct secret *plain, struct err *err);

/*
 * Seals for somebody outside, whose X25519 public key comes as base64: a bare
 * sealed box, as base64, that only the secret key to it opens. No worker does.
 * The caller frees *sealed with free(). A key that is none, or to which anybody
 * could open, is "bad_public_key" (ERR_BAD_INPUT).
 */
bool seal_to(const char *public_key, const struct secret *plain, char **sealed,
	struct err *err);

/* Reads the key id out of a sealed text; false when it is malformed. */
bool sealed_key_id(const char *sealed, char key_id[SEAL_KEY_ID_SIZE]);
