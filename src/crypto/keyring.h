/* What keyring.c and seal.c share: the keys in memory, and their files. */
#pragma once

#include <byoc/seal.h>
#include <sodium.h>

/* RFC 3339 in UTC with milliseconds, so that texts sort by time. */
enum { KEY_CREATED_SIZE = 25 };

struct key {
	char id[SEAL_KEY_ID_SIZE];
	char created[KEY_CREATED_SIZE];
	unsigned char public_key[crypto_box_PUBLICKEYBYTES];
	struct secret secret_key; /* empty when only the public key is here */
};

enum key_part { KEY_SECRET, KEY_PUBLIC };

/* Puts the id that belongs to the key's public key into `id`. */
void key_identify(const struct key *key, char id[SEAL_KEY_ID_SIZE]);

/* The caller wipes `key` with secret_clear(&key->secret_key). */
bool key_file_read(
	const char *path, enum key_part part, struct key *key, struct err *err);

/* Never overwrites. */
bool key_file_write(const char *path, enum key_part part, const struct key *key,
	struct err *err);

/* The key with this id, or NULL. Borrowed. */
const struct key *keyring_find(const struct keyring *keyring, const char *id);
