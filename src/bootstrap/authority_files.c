/*
 * Takes the authorities out of their bundle, a flat JSON object of paths and
 * PEM texts, by hand: a JSON library would leave private keys in memory that
 * is neither locked nor wiped.
 */
#include "authority_files.h"

#include <byoc/memory.h>
#include <stdio.h>
#include <string.h>

static const char *const paths[] = {
	"server-ca.crt",
	"server-ca.key",
	"client-ca.crt",
	"client-ca.key",
	"request-header-ca.crt",
	"request-header-ca.key",
	"etcd/server-ca.crt",
	"etcd/server-ca.key",
	"etcd/peer-ca.crt",
	"etcd/peer-ca.key",
	"service.key",
};

bool take_authority(const struct secret *bundle, const char *path,
	struct secret *pem, struct err *err)
{
	char key[64];
	size_t size = 0;

	snprintf(key, sizeof key, "\"%s\":\"", path);
	const char *at = memmem(bundle->bytes, bundle->size, key, strlen(key));
	const char *from = at ? at + strlen(key) : "";
	const char *end = strchr(from, '"');
	if (!end)
		return err_set(err, ERR_BAD_INPUT, "authorities_malformed",
			"the cluster's authorities hold no %s", path);

	secret_init(pem, (size_t)(end - from));
	for (at = from; at < end; at++) {
		bool newline = at[0] == '\\' && at[1] == 'n';
		pem->bytes[size++] = newline ? '\n' : *at;
		at += newline;
	}
	secret_shorten(pem, size);
	return true;
}

bool add_authorities(
	struct values *values, const struct secret *bundle, struct err *err)
{
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct secret pem;

		if (!take_authority(bundle, paths[i], &pem, err))
			return false;
		values_own(values, paths[i], &pem);
	}
	return true;
}
