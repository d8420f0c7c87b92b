/*
 * The certificate authorities of one k3s cluster. Each signs itself, as those
 * that k3s would make: the worker keeps the only other copy, so a common root
 * above them would protect nothing.
 */
#include "bundle.h"
#include "certificate.h"

#include <byoc/cluster_keys.h>
#include <byoc/memory.h>
#include <inttypes.h>
#include <stdio.h>

enum {
	BUNDLE_ROOM = 16 * 1024,
	HOUR_S = 60 * 60,
	TEN_YEARS_S = 3652 * 24 * HOUR_S,
};

static const struct {
	const char *path; /* without .crt and .key */
	const char *name;
} authorities[] = {
	{"server-ca", "k3s-server-ca"},
	{"client-ca", "k3s-client-ca"},
	{"request-header-ca", "k3s-request-header-ca"},
	{"etcd/server-ca", "etcd-server-ca"},
	{"etcd/peer-ca", "etcd-peer-ca"},
};

static bool add_key(struct secret_writer *writer, const char *path,
	EVP_PKEY *key, struct err *err)
{
	struct secret pem;

	if (!key_to_pem(key, &pem, err))
		return false;
	bundle_add(writer, path, pem.bytes, pem.size);
	secret_clear(&pem);
	return true;
}

static bool add_certificate(struct secret_writer *writer, const char *path,
	X509 *certificate, struct err *err)
{
	struct secret pem;

	if (!certificate_to_pem(certificate, &pem, err))
		return false;
	bundle_add(writer, path, pem.bytes, pem.size);
	secret_clear(&pem);
	return true;
}

static bool add_authority(struct secret_writer *writer, size_t i,
	int64_t now_unix, struct err *err)
{
	char name[64], key_path[64], certificate_path[64];
	const struct certificate_wish wish = {
		.common_name = name,
		.is_authority = true,
		.from_unix = now_unix - HOUR_S,
		.until_unix = now_unix - HOUR_S + TEN_YEARS_S,
	};

	/* With its time, as k3s does: so that a successor has another name. */
	snprintf(name, sizeof name, "%s@%" PRId64, authorities[i].name,
		now_unix);
	snprintf(key_path, sizeof key_path, "%s.key", authorities[i].path);
	snprintf(certificate_path, sizeof certificate_path, "%s.crt",
		authorities[i].path);

	EVP_PKEY *key = key_make(err);
	X509 *certificate =
		key ? certificate_make(&wish, key, NULL, NULL, err) : NULL;
	bool ok = certificate &&
		  add_certificate(writer, certificate_path, certificate, err) &&
		  add_key(writer, key_path, key, err);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return ok;
}

/* The key that signs the tokens of service accounts: no certificate. */
static bool add_service_key(struct secret_writer *writer, struct err *err)
{
	EVP_PKEY *key = key_make(err);
	bool ok = key && add_key(writer, "service.key", key, err);

	EVP_PKEY_free(key);
	return ok;
}

bool authorities_make(int64_t now_unix, struct secret *bundle, struct err *err)
{
	struct secret_writer writer;
	bool ok = true;

	writer_init(&writer, BUNDLE_ROOM);
	bundle_open(&writer);
	for (size_t i = 0; ok && i < COUNT(authorities); i++)
		ok = add_authority(&writer, i, now_unix, err);
	ok = ok && add_service_key(&writer, err);
	bundle_close(&writer);
	if (ok)
		return writer_finish(&writer, bundle, err);
	writer_clear(&writer);
	return false;
}
