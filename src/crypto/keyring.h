/* What the files about keys and sealing share: the keys in memory, and their
 * files. */
#pragma once

#include <byoc/seal.h>
#include <sodium.h>

/* RFC 3339 in UTC with milliseconds, so that texts sort by time. */
enum { KEY_CREATED_SIZE = 25 };

/* The secrets of a key: what opens boxes, and what workers seal with. */
enum {
	KEY_OWN_AT = crypto_box_SECRETKEYBYTES,
	KEY_SECRETS_SIZE =
		KEY_OWN_AT + crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
};

struct key {
	char id[SEAL_KEY_ID_SIZE];
	char created[KEY_CREATED_SIZE];
	unsigned char public_key[crypto_box_PUBLICKEYBYTES];
	struct secret secrets; /* empty when only the public key is here */
};

/* KEY_RECIPIENT: the secret half of who gets kubeconfigs, which opens boxes and
 * is in no keyring. */
enum key_part { KEY_SECRET, KEY_PUBLIC, KEY_RECIPIENT };

/* Opens boxes. Borrowed. */
static inline unsigned char *key_box(const struct key *key)
{
	return (unsigned char *)key->secrets.bytes;
}

/* Seals and opens what is the workers' own. Borrowed. */
static inline unsigned char *key_own(const struct key *key)
{
	return (unsigned char *)key->secrets.bytes + KEY_OWN_AT;
}

/* Puts the id that belongs to the key's public key into `id`. */
void key_identify(const struct key *key, char id[SEAL_KEY_ID_SIZE]);

/* The caller wipes `key` with secret_clear(&key->secrets). */
bool key_file_read(
	const char *path, enum key_part part, struct key *key, struct err *err);

/* Never overwrites. */
bool key_file_write(const char *path, enum key_part part, const struct key *key,
	struct err *err);

/*
 * Refuses a folder of keys, or the open file `file` of one, that somebody else
 * than root and the user who runs this could change: whoever plants a key is
 * sealed to. "key_dir_unsafe", "key_file_unsafe".
 */
bool key_dir_is_safe(const char *dir, struct err *err);
bool key_file_is_safe(int file, const char *path, struct err *err);

/* The key with this id, or NULL. Borrowed. */
const struct key *keyring_find(const struct keyring *keyring, const char *id);
