/*
 * Sealing and opening: libsodium's sealed boxes around context, zero byte and
 * plaintext. Knows the text format; the keys come from keyring.c. Plaintexts
 * are only ever in locked memory.
 */
#include "keyring.h"

#include <byoc/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "byoc1."

enum {
	PREFIX_SIZE = sizeof PREFIX - 1,
	HEAD_SIZE = PREFIX_SIZE + SEAL_KEY_ID_SIZE, /* with its second dot */
	BASE64 = sodium_base64_VARIANT_ORIGINAL,
};

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
	if (ok) {
		size_t text = sodium_base64_ENCODED_LEN(box_size, BASE64);
		*sealed = memory_new(HEAD_SIZE + text);
		snprintf(*sealed, HEAD_SIZE + 1, PREFIX "%s.", key->id);
		sodium_bin2base64(
			*sealed + HEAD_SIZE, text, box, box_size, BASE64);
	}
	free(box);
	return ok;
}

bool sealed_key_id(const char *sealed, char key_id[SEAL_KEY_ID_SIZE])
{
	const char *id = sealed + PREFIX_SIZE;

	if (strncmp(sealed, PREFIX, PREFIX_SIZE) ||
		strspn(id, "0123456789abcdef") != SEAL_KEY_ID_SIZE - 1 ||
		id[SEAL_KEY_ID_SIZE - 1] != '.')
		return false;
	memcpy(key_id, id, SEAL_KEY_ID_SIZE - 1);
	key_id[SEAL_KEY_ID_SIZE - 1] = '\0';
	return true;
}

/* Decodes base64; the caller frees. NULL when it is not that. */
static unsigned char *decode_box(const char *text, size_t *size)
{
	size_t length = strlen(text);
	unsigned char *box = memory_new(length);
	const char *end;

	if (sodium_base642bin(
		    box, length, text, length, NULL, size, &end, BASE64) < 0 ||
		*end || *size < crypto_box_SEALBYTES) {
		free(box);
		return NULL;
	}
	return box;
}

static bool open_box(const struct key *key, const unsigned char *box,
	size_t size, const char *context, struct secret *plain)
{
	const size_t context_size = strlen(context) + 1;
	struct secret whole;

	secret_init(&whole, size - crypto_box_SEALBYTES);
	bool ok = crypto_box_seal_open((unsigned char *)whole.bytes, box, size,
			  key->public_key,
			  (unsigned char *)key->secret_key.bytes) == 0 &&
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
	char key_id[SEAL_KEY_ID_SIZE];
	unsigned char *box = NULL;
	size_t size;

	if (sealed_key_id(sealed, key_id))
		box = decode_box(sealed + HEAD_SIZE, &size);
	if (!box)
		return err_set(err, ERR_BAD_INPUT, "sealed_malformed",
			"what should be the sealed %s is not a sealed text",
			context);

	const struct key *key = keyring_find(keyring, key_id);
	bool ok;
	if (!key || !key->secret_key.bytes)
		/* Another worker may have the key; so may we, restarted. */
		ok = err_set(err, ERR_RETRY, "sealed_unknown_key",
			"%s is sealed with key %s, which is not in the key "
			"folder",
			context, key_id);
	else
		ok = open_box(key, box, size, context, plain) ||
		     err_set(err, ERR_REFUSED, "sealed_broken",
			     "the sealed %s does not open: it was tampered "
			     "with, or moved there from elsewhere",
			     context);
	free(box);
	return ok;
}
