/*
 * Keys and certificates with OpenSSL: EC P-256 everywhere, because user_data
 * has little room and making one takes no time a tick would notice.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>
#include <openssl/x509.h>
#include <stdint.h>

struct certificate_wish {
	const char *common_name;
	const char *organization; /* NULL: none */
	bool is_authority;        /* else it is for a client */
	int64_t from_unix;
	int64_t until_unix;
};

/* The caller frees with EVP_PKEY_free, which wipes. NULL: see `err`. */
EVP_PKEY *key_make(struct err *err);

/*
 * Makes a certificate for `key`. `issuer` and its key sign it; an authority
 * without issuer signs itself. The caller frees with X509_free.
 */
X509 *certificate_make(const struct certificate_wish *wish, EVP_PKEY *key,
	X509 *issuer, EVP_PKEY *issuer_key, struct err *err);

/* PEM texts. The key is in the form that says its algorithm ("EC PRIVATE KEY"),
 * as k3s writes it itself. */
bool key_to_pem(EVP_PKEY *key, struct secret *pem, struct err *err);
bool certificate_to_pem(X509 *certificate, struct secret *pem, struct err *err);
EVP_PKEY *key_from_pem(const struct secret *pem, struct err *err);
X509 *certificate_from_pem(const struct secret *pem, struct err *err);
