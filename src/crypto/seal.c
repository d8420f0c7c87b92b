/*
 * What outsiders seal for workers: libsodium's sealed boxes around context,
 * zero byte and plaintext. Whoever has the public key can make one, so nothing
 * is known of who did. Plaintexts are only ever in locked memory.
 */
#include "sealed_text.h"

#include <byoc/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void seal_context(char context[SEAL_CONTEXT_SIZE], const char *record,
	const char *id, const char *what)
{
	snprintf(context, SEAL_CONTEXT_SIZE, "%s:%s:%s", record, id, what);
}

bool seal(const struct keyring *keyring, const char *context, const void *plain,
	size_t size, char **sealed, struct err *err)
{
	const struct key *key = keyring_find(keyring, keyring_newest(keyring));
	const size_t context_size = strlen(context) + 1;
	const size_t box_size = context_size + size + crypto_box_SEALBYTES;
	struct secret whole;

	secret_init(&whole, context_size + size);
	memcpy(whole.bytes, context, context_size);
	if (size)
		memcpy(whole.bytes + context_size, plain, size);

	unsigned char *box = memory_new(box_size);
	bool ok = crypto_box_seal(box, (unsigned char *)whole.bytes, whole.size,
			  key->public_key) == 0 ||
		  err_set(err, ERR_BUG, "libsodium", "cannot seal a secret");
	secret_clear(&whole);
	if (ok)
		*sealed = sealed_text_write(SEALED_BOX, key, box, box_size);
	free(box);
	return ok;
}

static bool open_box(const struct sealed_bytes *box, const char *context,
	struct secret *plain)
{
	const size_t context_size = strlen(context) + 1;
	struct secret whole;

	secret_init(&whole, box->size - crypto_box_SEALBYTES);
	bool ok = crypto_box_seal_open((unsigned char *)whole.bytes, box->bytes,
			  box->size, box->key->public_key,
			  key_box(box->key)) == 0 &&
		  whole.size >= context_size &&
		  !memcmp(whole.bytes, context, context_size);
	if (ok)
		secret_set(plain, whole.bytes + context_size,
			whole.size - context_size);
	secret_clear(&whole);
	return ok;
}

bool unseal(const struct keyring *keyring, const char *context,
	const char *sealed, struct secret *plain, struct err *err)
{
	struct sealed_bytes box;

	if (!sealed_text_read(SEALED_BOX, keyring, context, sealed,
		    crypto_box_SEALBYTES, &box, err))
		return false;
	bool ok = open_box(&box, context, plain) ||
		  sealed_refuse_broken(context, err);
	free(box.bytes);
	return ok;
}
