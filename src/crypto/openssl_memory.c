/*
 * OpenSSL wipes private keys, but not all that it has read them from: lines of
 * PEM stay in buffers that it frees. Nothing for size 0, as its own do.
 */
#include <byoc/cluster_keys.h>

#include <byoc/wipe.h>
#include <openssl/crypto.h>
#include <stdlib.h>

static void *take(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return size ? malloc(size) : NULL;
}

static void *resize(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size)
		return wipe_and_resize(old, size);
	wipe_and_free(old);
	return NULL;
}

static void give_back(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	wipe_and_free(memory);
}

bool openssl_wipe_memory(struct err *err)
{
	return CRYPTO_set_mem_functions(take, resize, give_back) ||
	       err_set(err, ERR_BUG, "openssl",
		       "OpenSSL was in use before its memory was to be wiped");
}
