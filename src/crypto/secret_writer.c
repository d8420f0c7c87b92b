/* Puts a secret together piece by piece in locked memory. */
#include "secret_writer.h"

#include <sodium.h>
#include <string.h>

void writer_init(struct secret_writer *writer, size_t room)
{
	*writer = (struct secret_writer){0};
	secret_init(&writer->secret, room);
}

void writer_put(struct secret_writer *writer, const void *bytes, size_t size)
{
	if (writer->full || size > writer->secret.size - writer->used) {
		writer->full = true;
		return;
	}
	if (size)
		memcpy(writer->secret.bytes + writer->used, bytes, size);
	writer->used += size;
}

void writer_text(struct secret_writer *writer, const char *text)
{
	writer_put(writer, text, strlen(text));
}

void writer_base64(struct secret_writer *writer, const void *bytes, size_t size)
{
	size_t room =
		sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL);

	/* The encoder ends with a zero byte: the secret has room for it. */
	if (writer->full || room - 1 > writer->secret.size - writer->used) {
		writer->full = true;
		return;
	}
	sodium_bin2base64(writer->secret.bytes + writer->used, room, bytes,
		size, sodium_base64_VARIANT_ORIGINAL);
	writer->used += room - 1;
}

bool writer_finish(
	struct secret_writer *writer, struct secret *out, struct err *err)
{
	if (writer->full) {
		size_t room = writer->secret.size;
		writer_clear(writer);
		return err_set(err, ERR_BUG, "secret_too_long",
			"a secret does not fit into the %zu bytes meant for it",
			room);
	}
	secret_shorten(&writer->secret, writer->used);
	*out = writer->secret;
	*writer = (struct secret_writer){0};
	return true;
}

void writer_clear(struct secret_writer *writer)
{
	secret_clear(&writer->secret);
	*writer = (struct secret_writer){0};
}
