/* TLS by GnuTLS, which the HTTP library speaks. */
#include "certificate.h"
#include "../sim/memory.h"

#include <arpa/inet.h>
#include <gnutls/x509.h>
#include <time.h>

#define HOUR (60 * 60)
#define YEAR (365 * 24 * HOUR)

static void must(int result)
{
	if (result < 0)
		give_up(gnutls_strerror(result));
}

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){(unsigned char *)text, (unsigned)strlen(text)};
}

static char *take_text(gnutls_datum_t *from)
{
	char *text = must_have(
		strndup((const char *)from->data, (size_t)from->size));

	gnutls_free(from->data);
	return text;
}

static void add_name(gnutls_x509_crt_t certificate, const char *name)
{
	struct in_addr address;

	if (inet_pton(AF_INET, name, &address) == 1)
		must(gnutls_x509_crt_set_subject_alt_name(certificate,
			GNUTLS_SAN_IPADDRESS, &address, sizeof address,
			GNUTLS_FSAN_APPEND));
	else
		must(gnutls_x509_crt_set_subject_alt_name(certificate,
			GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
			GNUTLS_FSAN_APPEND));
}

static void describe(
	gnutls_x509_crt_t certificate, const struct json_object *names)
{
	static const unsigned char serial[] = {1};
	time_t now = time(NULL);

	must(gnutls_x509_crt_set_version(certificate, 3));
	must(gnutls_x509_crt_set_serial(certificate, serial, sizeof serial));
	must(gnutls_x509_crt_set_activation_time(certificate, now - HOUR));
	must(gnutls_x509_crt_set_expiration_time(certificate, now + YEAR));
	must(gnutls_x509_crt_set_dn_by_oid(certificate,
		GNUTLS_OID_X520_COMMON_NAME, 0, "k3s", strlen("k3s")));
	must(gnutls_x509_crt_set_key_usage(
		certificate, GNUTLS_KEY_DIGITAL_SIGNATURE));
	must(gnutls_x509_crt_set_key_purpose_oid(
		certificate, GNUTLS_KP_TLS_WWW_SERVER, 0));
	add_name(certificate, "127.0.0.1");
	for (size_t i = 0; i < json_count(names); i++)
		add_name(certificate,
			json_object_get_string(json_nth(names, i)));
}

/* What comes from user data may be wrong: then nobody can connect. */
static bool sign(gnutls_x509_crt_t certificate, const struct intent *intent)
{
	gnutls_datum_t ca_text = datum(intent->server_ca);
	gnutls_datum_t key_text = datum(intent->server_key);
	gnutls_x509_crt_t ca;
	gnutls_x509_privkey_t ca_key;

	must(gnutls_x509_crt_init(&ca));
	must(gnutls_x509_privkey_init(&ca_key));
	bool well = gnutls_x509_crt_import(ca, &ca_text, GNUTLS_X509_FMT_PEM) >=
			    0 &&
		    gnutls_x509_privkey_import(
			    ca_key, &key_text, GNUTLS_X509_FMT_PEM) >= 0 &&
		    gnutls_x509_crt_sign2(
			    certificate, ca, ca_key, GNUTLS_DIG_SHA256, 0) >= 0;
	gnutls_x509_crt_deinit(ca);
	gnutls_x509_privkey_deinit(ca_key);
	return well;
}

struct server_certificate certificate_make(const struct intent *intent)
{
	struct server_certificate made = {0};
	gnutls_x509_crt_t certificate;
	gnutls_x509_privkey_t key;
	gnutls_datum_t text;

	if (!intent->server_key || !intent->client_ca)
		return made;
	must(gnutls_x509_crt_init(&certificate));
	must(gnutls_x509_privkey_init(&key));
	must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
		GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	must(gnutls_x509_crt_set_key(certificate, key));
	describe(certificate, intent->names);
	if (sign(certificate, intent)) {
		must(gnutls_x509_crt_export2(
			certificate, GNUTLS_X509_FMT_PEM, &text));
		made.certificate = take_text(&text);
		must(gnutls_x509_privkey_export2(
			key, GNUTLS_X509_FMT_PEM, &text));
		made.key = take_text(&text);
	}
	gnutls_x509_crt_deinit(certificate);
	gnutls_x509_privkey_deinit(key);
	return made;
}

void certificate_clear(struct server_certificate *made)
{
	free(made->certificate);
	free(made->key);
	*made = (struct server_certificate){0};
}

static bool is_verified(gnutls_session_t session)
{
	gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
	unsigned problems;

	return gnutls_certificate_verify_peers(
		       session, &purpose, 1, &problems) >= 0 &&
	       problems == 0;
}

/* The groups that the bootstrap's bindings name. */
static bool may_administrate(const char *group)
{
	return strcmp(group, "mengi:workers") == 0 ||
	       strcmp(group, "mengi:admins") == 0;
}

enum visitor visitor_of(gnutls_session_t session)
{
	enum visitor visitor = VISITOR_NOBODY;
	const gnutls_datum_t *peer;
	gnutls_x509_crt_t certificate;
	unsigned count = 0;

	peer = gnutls_certificate_get_peers(session, &count);
	if (!peer || count == 0 || !is_verified(session))
		return VISITOR_STRANGER;
	must(gnutls_x509_crt_init(&certificate));
	if (gnutls_x509_crt_import(certificate, peer, GNUTLS_X509_FMT_DER) >=
		0) {
		char group[64];
		size_t size = sizeof group;

		for (unsigned i = 0; gnutls_x509_crt_get_dn_by_oid(certificate,
					     GNUTLS_OID_X520_ORGANIZATION_NAME,
					     i, 0, group, &size) >= 0;
			i++, size = sizeof group)
			if (may_administrate(group))
				visitor = VISITOR_ADMIN;
	}
	gnutls_x509_crt_deinit(certificate);
	return visitor;
}
