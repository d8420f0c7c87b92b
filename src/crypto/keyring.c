/*
 * The keys of a folder. A key may be there as a pair, as the secret key alone
 * (the public one follows from it), or as the public key alone, which is all
 * that sealing needs.
 */
#include "keyring.h"

#include <byoc/clock.h>
#include <byoc/memory.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct keyring {
	struct key *keys;
	size_t count;
	const struct key *newest;
};

static char *path_in(const char *dir, const char *name, const char *suffix)
{
	size_t size = strlen(dir) + strlen(name) + strlen(suffix) + 2;
	char *path = memory_new(size);

	snprintf(path, size, "%s/%s%s", dir, name, suffix);
	return path;
}

static bool write_pair(const char *dir, const struct key *key, struct err *err)
{
	char *secret_path = path_in(dir, key->id, ".key");
	char *public_path = path_in(dir, key->id, ".pub");
	bool ok = key_file_write(secret_path, KEY_SECRET, key, err);

	if (ok && !key_file_write(public_path, KEY_PUBLIC, key, err)) {
		unlink(secret_path);
		ok = false;
	}
	free(secret_path);
	free(public_path);
	return ok;
}

bool keyring_make_key(
	const char *dir, char key_id[SEAL_KEY_ID_SIZE], struct err *err)
{
	struct key key = {0};

	if (sodium_init() < 0)
		return err_set(
			err, ERR_BUG, "libsodium", "libsodium does not start");
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, ERR_BAD_INPUT, "keyring_unwritable",
			"cannot make the key folder %s: %s", dir,
			strerror(errno));

	if (!key_dir_is_safe(dir, err))
		return false;
	secret_init(&key.secrets, KEY_SECRETS_SIZE);
	crypto_box_keypair(key.public_key, key_box(&key));
	crypto_aead_xchacha20poly1305_ietf_keygen(key_own(&key));
	key_identify(&key, key.id);
	clock_rfc3339(clock_unix_ms(), key.created, sizeof key.created);
	bool ok = write_pair(dir, &key, err);
	secret_clear(&key.secrets);
	if (ok)
		memcpy(key_id, key.id, SEAL_KEY_ID_SIZE);
	return ok;
}

static struct key *find_key(const struct keyring *keyring, const char *id)
{
	for (size_t i = 0; i < keyring->count; i++)
		if (!strcmp(keyring->keys[i].id, id))
			return &keyring->keys[i];
	return NULL;
}

const struct key *keyring_find(const struct keyring *keyring, const char *id)
{
	return find_key(keyring, id);
}

/* Takes over what `key` holds. */
static void add_key(struct keyring *keyring, struct key *key)
{
	struct key *known = find_key(keyring, key->id);

	if (!known) {
		keyring->keys = memory_resize(keyring->keys, keyring->count + 1,
			sizeof *keyring->keys);
		keyring->keys[keyring->count++] = *key;
	} else if (!known->secrets.bytes) {
		known->secrets = key->secrets;
	} else {
		secret_clear(&key->secrets);
	}
}

static bool load_file(struct keyring *keyring, const char *dir,
	const char *name, struct err *err)
{
	const char *dot = strrchr(name, '.');
	enum key_part part;
	struct key key;

	if (name[0] == '.' || !dot)
		return true;
	if (!strcmp(dot, ".key"))
		part = KEY_SECRET;
	else if (!strcmp(dot, ".pub"))
		part = KEY_PUBLIC;
	else
		return true;

	char *path = path_in(dir, name, "");
	bool ok = key_file_read(path, part, &key, err);
	if (ok && (dot - name != SEAL_KEY_ID_SIZE - 1 ||
			  memcmp(name, key.id, SEAL_KEY_ID_SIZE - 1))) {
		ok = err_set(err, ERR_BAD_INPUT, "key_file_malformed",
			"%s holds the key %s: a key file bears its key's id",
			path, key.id);
		secret_clear(&key.secrets);
	}
	free(path);
	if (ok)
		add_key(keyring, &key);
	return ok;
}

static bool load_files(
	struct keyring *keyring, const char *dir, struct err *err)
{
	if (!key_dir_is_safe(dir, err))
		return false;
	DIR *folder = opendir(dir);
	bool ok = true;
	if (!folder)
		return err_set(err, ERR_BAD_INPUT, "keyring_unreadable",
			"cannot read the key folder %s: %s", dir,
			strerror(errno));
	for (struct dirent *entry; ok && (entry = readdir(folder));)
		ok = load_file(keyring, dir, entry->d_name, err);
	closedir(folder);
	return ok;
}

/* The newest key seals; of two made in the same millisecond, either. */
static void choose_newest(struct keyring *keyring)
{
	for (size_t i = 0; i < keyring->count; i++) {
		const struct key *key = &keyring->keys[i];
		const struct key *newest = keyring->newest;
		int order = newest ? strcmp(key->created, newest->created) : 1;

		if (order > 0 || (!order && strcmp(key->id, newest->id) > 0))
			keyring->newest = key;
	}
}

/* What is sealed with a key that is not here waits for one that nobody may
 * have: and a public key is soon put into a folder. */
static bool check_opens(
	const struct keyring *keyring, const char *dir, struct err *err)
{
	const struct key *newest = keyring->newest;
	bool any = false;

	for (size_t i = 0; i < keyring->count; i++)
		any = any || keyring->keys[i].secrets.bytes;
	if (!any)
		return err_set(err, ERR_BAD_INPUT, "keyring_cannot_open",
			"only public keys in %s: put the secret key files "
			"(<id>.key) there, or make a key with `byoc keygen %s`",
			dir, dir);
	return newest->secrets.bytes ||
	       err_set(err, ERR_BAD_INPUT, "keyring_cannot_open",
		       "of the newest key only the public half is in %s: put "
		       "%s.key there, too, or, if none of you made that key, "
		       "take %s.pub away",
		       dir, newest->id, newest->id);
}

struct keyring *keyring_load(const char *dir, bool must_open, struct err *err)
{
	if (sodium_init() < 0) {
		err_set(err, ERR_BUG, "libsodium", "libsodium does not start");
		return NULL;
	}

	struct keyring *keyring = memory_new(sizeof *keyring);
	bool ok = load_files(keyring, dir, err);
	if (ok && !keyring->count)
		ok = err_set(err, ERR_BAD_INPUT, "keyring_empty",
			"no key in %s: make one with `byoc keygen %s`", dir,
			dir);
	if (ok)
		choose_newest(keyring);
	if (ok && must_open && !check_opens(keyring, dir, err))
		ok = false;
	if (ok)
		return keyring;
	keyring_free(keyring);
	return NULL;
}

void keyring_free(struct keyring *keyring)
{
	if (!keyring)
		return;
	for (size_t i = 0; i < keyring->count; i++)
		secret_clear(&keyring->keys[i].secrets);
	free(keyring->keys);
	free(keyring);
}

const char *keyring_newest(const struct keyring *keyring)
{
	return keyring->newest->id;
}
