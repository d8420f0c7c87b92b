/* The text format of what is sealed, as include/byoc/seal.h describes it. */
#include "sealed_text.h"

#include <byoc/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const prefixes[] = {
	[SEALED_BOX] = "byoc1.",
	[SEALED_OWN] = "byoc2.",
};
_Static_assert(COUNT(prefixes) == SEALED_FORM_COUNT, "name every form");

enum {
	PREFIX_SIZE = 6,
	HEAD_SIZE = PREFIX_SIZE + SEAL_KEY_ID_SIZE, /* with its second dot */
	BASE64 = sodium_base64_VARIANT_ORIGINAL,
};

char *sealed_text_write(enum sealed_form form, const struct key *key,
	const unsigned char *bytes, size_t size)
{
	size_t room = sodium_base64_ENCODED_LEN(size, BASE64);
	char *sealed = memory_new(HEAD_SIZE + room);

	snprintf(sealed, HEAD_SIZE + 1, "%s%s.", prefixes[form], key->id);
	sodium_bin2base64(sealed + HEAD_SIZE, room, bytes, size, BASE64);
	return sealed;
}

bool sealed_text_is(
	enum sealed_form form, const char *sealed, char id[SEAL_KEY_ID_SIZE])
{
	const char *found = sealed + PREFIX_SIZE;

	if (strncmp(sealed, prefixes[form], PREFIX_SIZE) ||
		strspn(found, "0123456789abcdef") != SEAL_KEY_ID_SIZE - 1 ||
		found[SEAL_KEY_ID_SIZE - 1] != '.')
		return false;
	memcpy(id, found, SEAL_KEY_ID_SIZE - 1);
	id[SEAL_KEY_ID_SIZE - 1] = '\0';
	return true;
}

bool sealed_key_id(const char *sealed, char key_id[SEAL_KEY_ID_SIZE])
{
	return sealed_text_is(SEALED_BOX, sealed, key_id) ||
	       sealed_text_is(SEALED_OWN, sealed, key_id);
}

/* Decodes base64; the caller frees. NULL when it is not that. */
static unsigned char *decode(const char *text, size_t least, size_t *size)
{
	size_t length = strlen(text);
	unsigned char *bytes = memory_new(length);
	const char *end;

	if (sodium_base642bin(bytes, length, text, length, NULL, size, &end,
		    BASE64) < 0 ||
		*end || *size < least) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

bool sealed_text_read(enum sealed_form form, const struct keyring *keyring,
	const char *context, const char *sealed, size_t least,
	struct sealed_bytes *out, struct err *err)
{
	char id[SEAL_KEY_ID_SIZE];

	*out = (struct sealed_bytes){0};
	if (sealed_text_is(form, sealed, id))
		out->bytes = decode(sealed + HEAD_SIZE, least, &out->size);
	if (!out->bytes)
		return err_set(err, ERR_BAD_INPUT, "sealed_malformed",
			"what should be the sealed %s is not a sealed text",
			context);
	out->key = keyring_find(keyring, id);
	if (out->key && out->key->secrets.bytes)
		return true;
	free(out->bytes);
	out->bytes = NULL;
	/* Another worker may have the key; so may we, restarted. */
	return err_set(err, ERR_RETRY, "sealed_unknown_key",
		"%s is sealed with key %s, which is not in the key folder",
		context, id);
}

bool sealed_refuse_broken(const char *context, struct err *err)
{
	return err_set(err, ERR_REFUSED, "sealed_broken",
		"the sealed %s does not open: it was tampered with, or moved "
		"there from elsewhere",
		context);
}
