/*
 * Sealed secrets at rest. One text format, in two versions, which differ in who
 * can have made it:
 *
 *	byoc1.<key id>.<base64 of a libsodium sealed box>
 *	byoc2.<key id>.<base64 of nonce, ciphertext and tag>
 *
 * byoc1 is what outsiders seal for workers (seal, unseal): anyone who has the
 * public key can, only who has the secret key can open. The plaintext begins
 * with its context ("credential:<uuid>:token") and a zero byte, checked on
 * opening. A box has no sender.
 *
 * byoc2 is what workers seal for themselves (seal_own, unseal_own):
 * XChaCha20-Poly1305 (IETF) with the symmetric key that is in the secret key
 * file, a random nonce of 24 bytes, and the context as associated data. Only
 * who holds the secret key file can make one.
 *
 * Either way a value that was cut, changed, or moved to another row or field
 * does not open, and a value of one version does not pass for the other. Errors
 * never show what was sealed.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>

/* Hexadecimal key id: the first 8 bytes of the public key's BLAKE2b hash. */
enum { SEAL_KEY_ID_SIZE = 17 };

struct keyring;

/* Makes a new key in `dir` (made when missing, mode 0700): <id>.key (mode 0600)
 * holds what opens and the workers' own key, <id>.pub is for sealing to them.
 * The id is put into `key_id`. Never overwrites. */
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
 * seals, all open. Refused by name: a secret key file that others can read
 * ("key_file_exposed"), and a folder or a file that others can write to or that
 * belongs to somebody else ("key_dir_unsafe", "key_file_unsafe"). With
 * `must_open` the newest key must be able to open, too ("keyring_cannot_open").
 * The caller frees.
 */
struct keyring *keyring_load(const char *dir, bool must_open, struct err *err);
void keyring_free(struct keyring *keyring); /* wipes; takes NULL */

/* The id of the key that seals. Borrowed. */
const char *keyring_newest(const struct keyring *keyring);

/* "<record>:<id>:<what>": a "cluster" or "credential", and what of it. */
enum { SEAL_CONTEXT_SIZE = 96 };
void seal_context(char context[SEAL_CONTEXT_SIZE], const char *record,
	const char *id, const char *what);

/* Seals a box with the newest key; the caller frees *sealed with free(). */
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
 * The same for what workers seal for themselves; a box in its place is
 * "sealed_broken". Sealing takes the secret key file ("keyring_cannot_open").
 */
bool seal_own(const struct keyring *keyring, const char *context,
	const struct secret *plain, char **sealed, struct err *err);
bool unseal_own(const struct keyring *keyring, const char *context,
	const char *sealed, struct secret *plain, struct err *err);

/* Reads the key id out of a sealed text; false when it is malformed. */
bool sealed_key_id(const char *sealed, char key_id[SEAL_KEY_ID_SIZE]);
