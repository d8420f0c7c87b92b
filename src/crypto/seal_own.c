/*
 * What workers seal for themselves, with a key that only they have: what opens
 * was sealed by one of them, for this place. The nonce is drawn at random; it
 * is long enough for that, and stands before the ciphertext.
 */
#include "sealed_text.h"

#include <byoc/memory.h>
#include <stdlib.h>
#include <string.h>

enum {
	NONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	MARK_SIZE = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	LEAST_SIZE = NONCE_SIZE + MARK_SIZE,
};

bool seal_own(const struct keyring *keyring, const char *context,
	const struct secret *plain, char **sealed, struct err *err)
{
	const struct key *key = keyring_find(keyring, keyring_newest(keyring));
	const size_t size = LEAST_SIZE + plain->size;

	if (!key->secrets.bytes)
		return err_set(err, ERR_BAD_INPUT, "keyring_cannot_open",
			"%s is for workers to seal: put the secret key file "
			"%s.key into the key folder",
			context, key->id);
	unsigned char *bytes = memory_new(size);
	randombytes_buf(bytes, NONCE_SIZE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(bytes + NONCE_SIZE, NULL,
		(const unsigned char *)plain->bytes, plain->size,
		(const unsigned char *)context, strlen(context), NULL, bytes,
		key_own(key));
	*sealed = sealed_text_write(SEALED_OWN, key, bytes, size);
	free(bytes);
	return true;
}

static bool open_own(const struct sealed_bytes *own, const char *context,
	struct secret *plain)
{
	secret_init(plain, own->size - LEAST_SIZE);
	bool ok = crypto_aead_xchacha20poly1305_ietf_decrypt(
			  (unsigned char *)plain->bytes, NULL, NULL,
			  own->bytes + NONCE_SIZE, own->size - NONCE_SIZE,
			  (const unsigned char *)context, strlen(context),
			  own->bytes, key_own(own->key)) == 0;
	if (!ok)
		secret_clear(plain);
	return ok;
}

bool unseal_own(const struct keyring *keyring, const char *context,
	const char *sealed, struct secret *plain, struct err *err)
{
	char id[SEAL_KEY_ID_SIZE];
	struct sealed_bytes own;

	if (sealed_text_is(SEALED_BOX, sealed, id))
		return err_set(err, ERR_REFUSED, "sealed_broken",
			"the sealed %s was not made by a worker: anybody with "
			"the public key %s can have put it there",
			context, id);
	if (!sealed_text_read(SEALED_OWN, keyring, context, sealed, LEAST_SIZE,
		    &own, err))
		return false;
	bool ok = open_own(&own, context, plain) ||
		  sealed_refuse_broken(context, err);
	free(own.bytes);
	return ok;
}
