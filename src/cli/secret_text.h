/* Secrets on standard output. */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>

/* Without passing through stdio's buffers, which would keep a copy. */
bool secret_print(const struct secret *secret, struct err *err);
