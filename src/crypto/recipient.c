/* Recipients of kubeconfigs: their key pairs, sealing for them, and opening. */
#include <byoc/recipient.h>

#include "keyring.h"
#include <byoc/clock.h>
#include <byoc/memory.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BASE64 = sodium_base64_VARIANT_ORIGINAL };

static bool fail_file(
	const char *code, const char *doing, const char *path, struct err *err)
{
	return err_set(err, ERR_BAD_INPUT, code, "cannot %s %s: %s", doing,
		path, strerror(errno));
}

static bool write_public(
	const char *path, const struct key *key, struct err *err)
{
	char text[RECIPIENT_KEY_SIZE];
	FILE *file = fopen(path, "wxe");

	if (!file)
		return fail_file("key_file_unwritable", "make", path, err);
	sodium_bin2base64(text, sizeof text, key->public_key,
		sizeof key->public_key, BASE64);
	bool ok = fprintf(file, "%s\n", text) > 0;
	ok = fclose(file) == 0 && ok;
	return ok || fail_file("key_file_unwritable", "write", path, err);
}

bool recipient_make(const char *path, struct err *err)
{
	size_t room = strlen(path) + sizeof ".pub";
	char *public_path = memory_new(room);
	struct key key;

	snprintf(public_path, room, "%s.pub", path);
	key = (struct key){0};
	secret_init(&key.secrets, crypto_box_SECRETKEYBYTES);
	crypto_box_keypair(key.public_key, key_box(&key));
	clock_rfc3339(clock_unix_ms(), key.created, sizeof key.created);
	bool ok = key_file_write(path, KEY_RECIPIENT, &key, err);
	if (ok && !write_public(public_path, &key, err)) {
		unlink(path);
		ok = false;
	}
	secret_clear(&key.secrets);
	free(public_path);
	return ok;
}

bool recipient_read(
	const char *path, char key[RECIPIENT_KEY_SIZE], struct err *err)
{
	const struct secret nothing = {.bytes = (char[]){""}};
	char line[2 * RECIPIENT_KEY_SIZE] = "";
	char *sealed = NULL;
	FILE *file = fopen(path, "re");

	if (!file)
		return fail_file("recipient_unreadable", "read", path, err);
	size_t size = fread(line, 1, sizeof line - 1, file);
	fclose(file);
	line[size - (size && line[size - 1] == '\n')] = '\0';
	if (!seal_to(line, &nothing, &sealed, err))
		return false;
	free(sealed);
	memcpy(key, line, RECIPIENT_KEY_SIZE); /* so long is every key's */
	return true;
}

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
			"base64 of an X25519 key's 32 bytes");
	}
	free(box);
	return ok;
}

static bool open_box(const struct key *key, const unsigned char *box,
	size_t size, struct secret *plain, struct err *err)
{
	secret_init(plain, size - crypto_box_SEALBYTES);
	if (crypto_box_seal_open((unsigned char *)plain->bytes, box, size,
		    key->public_key, key_box(key)) == 0)
		return true;
	secret_clear(plain);
	return err_set(err, ERR_REFUSED, "sealed_broken",
		"this does not open with this key: it is sealed to another "
		"recipient, or was damaged on the way");
}

bool recipient_open(const char *path, const char *sealed, struct secret *plain,
	struct err *err)
{
	size_t size, length = strlen(sealed);
	unsigned char *box = memory_new(length);
	const char *end;
	struct key key;

	bool ok = key_file_read(path, KEY_RECIPIENT, &key, err);
	if (ok && (sodium_base642bin(box, length, sealed, length, NULL, &size,
			   &end, BASE64) ||
			  *end || size < crypto_box_SEALBYTES))
		ok = err_set(err, ERR_BAD_INPUT, "sealed_malformed",
			"this is no sealed kubeconfig: want the base64 of the "
			"event's sealed_kubeconfig, and nothing else");
	ok = ok && open_box(&key, box, size, plain, err);
	secret_clear(&key.secrets);
	free(box);
	return ok;
}
