/*
 * Secrets in libsodium's guarded memory: locked, between pages that fault, and
 * wiped when freed.
 */
#include <byoc/secret.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void secret_init(struct secret *secret, size_t size)
{
	/* Before sodium_init() has run, its allocator divides by zero. */
	secret->bytes = sodium_init() < 0 ? NULL : sodium_malloc(size + 1);
	if (!secret->bytes) {
		fputs("out of memory for secrets\n", stderr);
		abort();
	}
	sodium_memzero(secret->bytes, size + 1);
	secret->size = size;
}

void secret_set(struct secret *secret, const void *bytes, size_t size)
{
	secret_init(secret, size);
	if (size)
		memcpy(secret->bytes, bytes, size);
}

void secret_shorten(struct secret *secret, size_t size)
{
	if (size >= secret->size)
		return;
	sodium_memzero(secret->bytes + size, secret->size - size);
	secret->size = size;
}

void secret_clear(struct secret *secret)
{
	sodium_free(secret->bytes);
	*secret = (struct secret){0};
}

void secret_harden_process(void)
{
	const struct rlimit none = {0};

	if (sodium_init() < 0 || setrlimit(RLIMIT_CORE, &none) ||
		prctl(PR_SET_DUMPABLE, 0)) {
		fputs("cannot protect secrets in memory\n", stderr);
		abort();
	}
}
