/* Keys and certificates with OpenSSL. */
#include "certificate.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum { SERIAL_BITS = 127 };

/* OpenSSL's reasons are fixed texts: they show no data. */
static bool refuse(struct err *err, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return err_set(err, ERR_BUG, "openssl", "OpenSSL cannot %s: %s", what,
		reason ? reason : "no reason given");
}

EVP_PKEY *key_make(struct err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (!key)
		refuse(err, "make a key");
	return key;
}

/* Random, so that no two certificates of an authority are alike. */
static bool set_serial(X509 *certificate)
{
	BIGNUM *number = BN_new();
	bool ok =
		number &&
		BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE,
			BN_RAND_BOTTOM_ANY) &&
		BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));

	BN_free(number);
	return ok;
}

static bool set_subject(X509 *certificate, const struct certificate_wish *wish)
{
	X509_NAME *name = X509_get_subject_name(certificate);
	const unsigned char *organization =
		(const unsigned char *)wish->organization;
	const unsigned char *common_name =
		(const unsigned char *)wish->common_name;

	return (!organization ||
		       X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
			       organization, -1, -1, 0)) &&
	       X509_NAME_add_entry_by_txt(
		       name, "CN", MBSTRING_UTF8, common_name, -1, -1, 0);
}

static bool add_extension(
	X509V3_CTX *context, X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension =
		X509V3_EXT_conf_nid(NULL, context, nid, value);
	bool ok = extension && X509_add_ext(certificate, extension, -1);

	X509_EXTENSION_free(extension);
	return ok;
}

/* The subject's key id comes first: a self-signed one refers to it. */
static bool add_extensions(X509 *certificate, X509 *issuer, bool is_authority)
{
	X509V3_CTX context;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	if (!add_extension(&context, certificate, NID_subject_key_identifier,
		    "hash") ||
		!add_extension(&context, certificate,
			NID_authority_key_identifier, "keyid:always"))
		return false;
	if (is_authority)
		return add_extension(&context, certificate,
			       NID_basic_constraints, "critical,CA:TRUE") &&
		       add_extension(&context, certificate, NID_key_usage,
			       "critical,digitalSignature,keyEncipherment,"
			       "keyCertSign");
	return add_extension(&context, certificate, NID_basic_constraints,
		       "critical,CA:FALSE") &&
	       add_extension(&context, certificate, NID_key_usage,
		       "critical,digitalSignature") &&
	       add_extension(
		       &context, certificate, NID_ext_key_usage, "clientAuth");
}

X509 *certificate_make(const struct certificate_wish *wish, EVP_PKEY *key,
	X509 *issuer, EVP_PKEY *issuer_key, struct err *err)
{
	X509 *certificate = X509_new();

	if (certificate && X509_set_version(certificate, X509_VERSION_3) &&
		set_serial(certificate) && set_subject(certificate, wish) &&
		X509_set_issuer_name(certificate,
			X509_get_subject_name(issuer ? issuer : certificate)) &&
		ASN1_TIME_set(X509_getm_notBefore(certificate),
			(time_t)wish->from_unix) &&
		ASN1_TIME_set(X509_getm_notAfter(certificate),
			(time_t)wish->until_unix) &&
		X509_set_pubkey(certificate, key) &&
		add_extensions(certificate, issuer ? issuer : certificate,
			wish->is_authority) &&
		X509_sign(certificate, issuer_key ? issuer_key : key,
			EVP_sha256()))
		return certificate;
	X509_free(certificate);
	refuse(err, "make a certificate");
	return NULL;
}

/* The memory behind a BIO is wiped when the BIO is freed. */
static void take_bio(BIO *bio, struct secret *out)
{
	char *bytes;
	long size = BIO_get_mem_data(bio, &bytes);

	secret_set(out, bytes, (size_t)size);
}

bool key_to_pem(EVP_PKEY *key, struct secret *pem, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio && PEM_write_bio_PrivateKey_traditional(
				 bio, key, NULL, NULL, 0, NULL, NULL);

	if (ok)
		take_bio(bio, pem);
	BIO_free(bio);
	return ok || refuse(err, "write a key");
}

bool certificate_to_pem(X509 *certificate, struct secret *pem, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio && PEM_write_bio_X509(bio, certificate);

	if (ok)
		take_bio(bio, pem);
	BIO_free(bio);
	return ok || refuse(err, "write a certificate");
}

EVP_PKEY *key_from_pem(const struct secret *pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem->bytes, (int)pem->size);
	/* An empty passphrase, for OpenSSL would ask on the terminal. */
	EVP_PKEY *key =
		bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, "") : NULL;

	BIO_free(bio);
	if (!key)
		refuse(err, "read a key");
	return key;
}

X509 *certificate_from_pem(const struct secret *pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem->bytes, (int)pem->size);
	X509 *certificate =
		bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	if (!certificate)
		refuse(err, "read a certificate");
	return certificate;
}
