/*
 * Who may ask a cluster's API, made from its authorities without asking the
 * cluster: what the client authority signs, k3s trusts.
 */
#include "bundle.h"
#include "certificate.h"

#include <byoc/cluster_keys.h>

enum { MINUTE_S = 60 };

/* Takes the client authority out of the bundle. */
static bool read_issuer(const struct secret *bundle, X509 **certificate,
	EVP_PKEY **key, struct err *err)
{
	struct secret certificate_pem = {0}, key_pem = {0};

	if (bundle_take(bundle, "client-ca.crt", &certificate_pem, err) &&
		bundle_take(bundle, "client-ca.key", &key_pem, err)) {
		*certificate = certificate_from_pem(&certificate_pem, err);
		*key = key_from_pem(&key_pem, err);
	}
	secret_clear(&certificate_pem);
	secret_clear(&key_pem);
	return *certificate && *key;
}

static bool issue(const struct secret *bundle,
	const struct certificate_wish *wish, struct cluster_identity *identity,
	struct err *err)
{
	X509 *issuer = NULL, *certificate = NULL;
	EVP_PKEY *issuer_key = NULL, *key = NULL;

	bool ok = read_issuer(bundle, &issuer, &issuer_key, err) &&
		  (key = key_make(err)) &&
		  (certificate = certificate_make(
			   wish, key, issuer, issuer_key, err)) &&
		  key_to_pem(key, &identity->key, err) &&
		  certificate_to_pem(certificate, &identity->certificate, err);
	X509_free(certificate);
	X509_free(issuer);
	EVP_PKEY_free(key);
	EVP_PKEY_free(issuer_key);
	return ok;
}

bool cluster_identity_mint(const struct secret *bundle, const char *group,
	const char *user, int64_t now_unix, int64_t lifetime_s,
	struct cluster_identity *identity, struct err *err)
{
	const struct certificate_wish wish = {
		.common_name = user,
		.organization = group,
		.from_unix = now_unix - MINUTE_S,
		.until_unix = now_unix + lifetime_s,
	};

	return bundle_take(
		       bundle, "server-ca.crt", &identity->authority, err) &&
	       issue(bundle, &wish, identity, err);
}

void cluster_identity_clear(struct cluster_identity *identity)
{
	secret_clear(&identity->authority);
	secret_clear(&identity->certificate);
	secret_clear(&identity->key);
}
