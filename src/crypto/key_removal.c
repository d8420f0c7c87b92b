/*
 * Removing a key from its folder. The secret half goes last: a removal that was
 * cut short has lost nothing, and can be asked for again.
 */
#include "keyring.h"

#include <byoc/memory.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool keyring_may_remove(const char *dir, const char *key_id, struct err *err)
{
	struct keyring *keyring = keyring_load(dir, false, err);

	if (!keyring)
		return false;
	if (!keyring_find(keyring, key_id))
		err_set(err, ERR_BAD_INPUT, "key_unknown",
			"there is no key %s in %s", key_id, dir);
	else if (!strcmp(keyring_newest(keyring), key_id))
		err_set(err, ERR_REFUSED, "key_newest",
			"key %s is the newest in %s, the one that seals: make "
			"another with `byoc keygen %s` first",
			key_id, dir, dir);
	keyring_free(keyring);
	return !err->kind;
}

static bool remove_file(const char *dir, const char *key_id, const char *suffix,
	struct err *err)
{
	size_t size = strlen(dir) + strlen(key_id) + strlen(suffix) + 2;
	char *path = memory_new(size);

	snprintf(path, size, "%s/%s%s", dir, key_id, suffix);
	bool ok = unlink(path) == 0 || errno == ENOENT ||
		  err_set(err, ERR_BAD_INPUT, "key_file_unwritable",
			  "cannot remove %s: %s", path, strerror(errno));
	free(path);
	return ok;
}

bool keyring_remove_key(const char *dir, const char *key_id, struct err *err)
{
	return keyring_may_remove(dir, key_id, err) &&
	       remove_file(dir, key_id, ".pub", err) &&
	       remove_file(dir, key_id, ".key", err);
}
