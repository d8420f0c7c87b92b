/*
 * Puts a secret together piece by piece in locked memory. The room is fixed at
 * the beginning, for growing would leave copies; what does not fit is an error
 * at the end, not an overflow.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>

struct secret_writer {
	struct secret secret;
	size_t used;
	bool full;
};

void writer_init(struct secret_writer *writer, size_t room);
void writer_put(struct secret_writer *writer, const void *bytes, size_t size);
void writer_text(struct secret_writer *writer, const char *text);
void writer_base64(
	struct secret_writer *writer, const void *bytes, size_t size);

/* Moves what was written into `out`; the writer is empty afterwards. */
bool writer_finish(
	struct secret_writer *writer, struct secret *out, struct err *err);
void writer_clear(struct secret_writer *writer); /* wipes */
