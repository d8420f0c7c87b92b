/*
 * An ed25519 key in OpenSSH's own file format, "openssh-key-v1" without a
 * passphrase: it is sealed as a whole wherever it is kept.
 */
#include "secret_writer.h"

#include <byoc/cluster_keys.h>
#include <byoc/memory.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define KEY_TYPE "ssh-ed25519"

enum {
	COMMENT_MAX = 200,
	FILE_ROOM = 2048,
	LINE_WIDTH = 70, /* as ssh-keygen breaks its base64 */
	BLOCK = 8,       /* padding of cipher "none" */
};

static void put_u32(struct secret_writer *writer, size_t number)
{
	const unsigned char bytes[] = {(unsigned char)(number >> 24),
		(unsigned char)(number >> 16), (unsigned char)(number >> 8),
		(unsigned char)number};

	writer_put(writer, bytes, sizeof bytes);
}

/* SSH's "string": a length and that many bytes. */
static void put_string(
	struct secret_writer *writer, const void *bytes, size_t size)
{
	put_u32(writer, size);
	writer_put(writer, bytes, size);
}

static void put_public(struct secret_writer *writer,
	const unsigned char key[crypto_sign_PUBLICKEYBYTES])
{
	put_string(writer, KEY_TYPE, strlen(KEY_TYPE));
	put_string(writer, key, crypto_sign_PUBLICKEYBYTES);
}

/* The part that a passphrase would encrypt. */
static bool format_private(const unsigned char *public_key,
	const struct secret *secret_key, const char *comment,
	struct secret *out, struct err *err)
{
	const uint32_t check = randombytes_random();
	struct secret_writer writer;

	writer_init(&writer, FILE_ROOM);
	/* Twice the same: so a reader sees that it decrypted well. */
	put_u32(&writer, check);
	put_u32(&writer, check);
	put_public(&writer, public_key);
	put_string(&writer, secret_key->bytes, secret_key->size);
	put_string(&writer, comment, strlen(comment));
	for (unsigned char pad = 1; writer.used % BLOCK; pad++)
		writer_put(&writer, &pad, 1);
	return writer_finish(&writer, out, err);
}

static bool format_container(const unsigned char *public_key,
	const struct secret *private_part, struct secret *out, struct err *err)
{
	static const char magic[] = "openssh-key-v1"; /* with its zero byte */
	static const char none[] = "none";
	const size_t public_size =
		4 + strlen(KEY_TYPE) + 4 + crypto_sign_PUBLICKEYBYTES;
	struct secret_writer writer;

	writer_init(&writer, FILE_ROOM);
	writer_put(&writer, magic, sizeof magic);
	put_string(&writer, none, strlen(none)); /* cipher */
	put_string(&writer, none, strlen(none)); /* key derivation */
	put_string(&writer, "", 0);              /* and its options */
	put_u32(&writer, 1);                     /* number of keys */
	put_u32(&writer, public_size);
	put_public(&writer, public_key);
	put_string(&writer, private_part->bytes, private_part->size);
	return writer_finish(&writer, out, err);
}

static bool armour(
	const struct secret *container, struct secret *out, struct err *err)
{
	struct secret_writer base64, file;
	struct secret text;

	writer_init(&base64, FILE_ROOM);
	writer_base64(&base64, container->bytes, container->size);
	if (!writer_finish(&base64, &text, err))
		return false;

	writer_init(&file, FILE_ROOM);
	writer_text(&file, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	for (size_t at = 0; at < text.size; at += LINE_WIDTH) {
		size_t rest = text.size - at;
		writer_put(&file, text.bytes + at,
			rest < LINE_WIDTH ? rest : LINE_WIDTH);
		writer_text(&file, "\n");
	}
	writer_text(&file, "-----END OPENSSH PRIVATE KEY-----\n");
	secret_clear(&text);
	return writer_finish(&file, out, err);
}

/* Nothing about the public key is secret; the writer is just at hand. */
static bool format_public_line(const unsigned char *public_key,
	const char *comment, char **line, struct err *err)
{
	struct secret_writer blob, text;
	struct secret bytes, out;

	writer_init(&blob, FILE_ROOM);
	put_public(&blob, public_key);
	if (!writer_finish(&blob, &bytes, err))
		return false;
	writer_init(&text, FILE_ROOM);
	writer_text(&text, KEY_TYPE " ");
	writer_base64(&text, bytes.bytes, bytes.size);
	writer_text(&text, " ");
	writer_text(&text, comment);
	secret_clear(&bytes);
	if (!writer_finish(&text, &out, err))
		return false;
	*line = memory_copy_text(out.bytes);
	secret_clear(&out);
	return true;
}

static bool comment_is_plain(const char *comment)
{
	for (const char *at = comment; *at; at++)
		if (*at < ' ' || *at > '~')
			return false;
	return strlen(comment) <= COMMENT_MAX;
}

bool ssh_key_make(const char *comment, struct secret *private_key,
	char **public_line, struct err *err)
{
	unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
	struct secret secret_key = {0}, private_part = {0};
	struct secret container = {0};

	if (sodium_init() < 0)
		return err_set(
			err, ERR_BUG, "libsodium", "libsodium does not start");
	if (!comment_is_plain(comment))
		return err_set(err, ERR_BUG, "ssh_key_comment",
			"an SSH key's comment must be plain ASCII of at most "
			"%d characters",
			COMMENT_MAX);

	/* libsodium's secret key is what OpenSSH stores: seed, public key. */
	secret_init(&secret_key, crypto_sign_SECRETKEYBYTES);
	crypto_sign_keypair(public_key, (unsigned char *)secret_key.bytes);
	bool ok =
		format_private(
			public_key, &secret_key, comment, &private_part, err) &&
		format_container(public_key, &private_part, &container, err) &&
		armour(&container, private_key, err);
	secret_clear(&secret_key);
	secret_clear(&private_part);
	secret_clear(&container);
	if (ok && !format_public_line(public_key, comment, public_line, err)) {
		secret_clear(private_key);
		ok = false;
	}
	return ok;
}
