/* Sealing for somebody outside, who has asked with a public key of their own.
 */
#include <byoc/seal.h>

#include <byoc/memory.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { BASE64 = sodium_base64_VARIANT_ORIGINAL };

static bool read_key(
	const char *text, unsigned char key[crypto_box_PUBLICKEYBYTES])
{
	size_t size;
	const char *end;

	return sodium_base642bin(key, crypto_box_PUBLICKEYBYTES, text,
		       strlen(text), NULL, &size, &end, BASE64) == 0 &&
	       !*end && size == crypto_box_PUBLICKEYBYTES;
}

bool seal_to(const char *public_key, const struct secret *plain, char **sealed,
	struct err *err)
{
	const size_t size = plain->size + crypto_box_SEALBYTES;
	const size_t text = sodium_base64_ENCODED_LEN(size, BASE64);
	unsigned char key[crypto_box_PUBLICKEYBYTES];
	unsigned char *box = memory_new(size);

	/* libsodium refuses keys that everybody shares a secret with. */
	bool ok = read_key(public_key, key) &&
		  crypto_box_seal(box, (const unsigned char *)plain->bytes,
			  plain->size, key) == 0;
	if (ok) {
		*sealed = memory_new(text);
		sodium_bin2base64(*sealed, text, box, size, BASE64);
	} else {
		err_set(err, ERR_BAD_INPUT, "bad_public_key",
			"nothing can be sealed to this public key: want the "
			"base64 of an X25519 key");
	}
	free(box);
	return ok;
}
