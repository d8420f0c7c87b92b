/*
 * The authorities' bundle: a flat JSON object of paths and PEM texts. Written
 * and read by hand because a JSON library would leave private keys behind in
 * memory that is neither locked nor wiped.
 */
#pragma once

#include "secret_writer.h"

void bundle_open(struct secret_writer *writer);
void bundle_add(struct secret_writer *writer, const char *path, const char *pem,
	size_t size);
void bundle_close(struct secret_writer *writer);

/* Takes one PEM text out; ERR_BAD_INPUT when there is none at `path`. */
bool bundle_take(const struct secret *bundle, const char *path,
	struct secret *pem, struct err *err);
