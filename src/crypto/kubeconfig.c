/*
 * Mints an administrator's kubeconfig from the cluster's authorities, without
 * asking the cluster: what the client authority signs, k3s trusts.
 */
#include "bundle.h"
#include "certificate.h"

#include <byoc/cluster_keys.h>
#include <string.h>

enum { KUBECONFIG_ROOM = 16 * 1024, MINUTE_S = 60 };

/* The names in the file, and the three PEM texts that it carries. */
struct parts {
	const char *cluster_name;
	const char *server_url;
	const char *user;
	struct secret server_ca;
	struct secret certificate;
	struct secret key;
};

static void parts_clear(struct parts *parts)
{
	secret_clear(&parts->server_ca);
	secret_clear(&parts->certificate);
	secret_clear(&parts->key);
}

static void put_line(
	struct secret_writer *writer, const char *key, const char *value)
{
	writer_text(writer, key);
	writer_text(writer, ": \"");
	writer_text(writer, value);
	writer_text(writer, "\"\n");
}

static void put_data(
	struct secret_writer *writer, const char *key, const struct secret *pem)
{
	writer_text(writer, key);
	writer_text(writer, ": ");
	writer_base64(writer, pem->bytes, pem->size);
	writer_text(writer, "\n");
}

static bool write_kubeconfig(
	const struct parts *parts, struct secret *kubeconfig, struct err *err)
{
	struct secret_writer writer;

	writer_init(&writer, KUBECONFIG_ROOM);
	writer_text(&writer, "apiVersion: v1\n"
			     "kind: Config\n"
			     "clusters:\n");
	put_line(&writer, "- name", parts->cluster_name);
	writer_text(&writer, "  cluster:\n");
	put_line(&writer, "    server", parts->server_url);
	put_data(&writer, "    certificate-authority-data", &parts->server_ca);
	writer_text(&writer, "users:\n");
	put_line(&writer, "- name", parts->user);
	writer_text(&writer, "  user:\n");
	put_data(&writer, "    client-certificate-data", &parts->certificate);
	put_data(&writer, "    client-key-data", &parts->key);
	writer_text(&writer, "contexts:\n");
	put_line(&writer, "- name", parts->cluster_name);
	writer_text(&writer, "  context:\n");
	put_line(&writer, "    cluster", parts->cluster_name);
	put_line(&writer, "    user", parts->user);
	put_line(&writer, "current-context", parts->cluster_name);
	return writer_finish(&writer, kubeconfig, err);
}

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
	const struct certificate_wish *wish, struct parts *parts,
	struct err *err)
{
	X509 *issuer = NULL, *certificate = NULL;
	EVP_PKEY *issuer_key = NULL, *key = NULL;

	bool ok = read_issuer(bundle, &issuer, &issuer_key, err) &&
		  (key = key_make(err)) &&
		  (certificate = certificate_make(
			   wish, key, issuer, issuer_key, err)) &&
		  key_to_pem(key, &parts->key, err) &&
		  certificate_to_pem(certificate, &parts->certificate, err);
	X509_free(certificate);
	X509_free(issuer);
	EVP_PKEY_free(key);
	EVP_PKEY_free(issuer_key);
	return ok;
}

/* The values stand between quotation marks in YAML. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~' || strchr("\"\\", *text))
			return false;
	return true;
}

bool kubeconfig_mint(const struct secret *bundle, const char *cluster_name,
	const char *server_url, const char *user, int64_t now_unix,
	int64_t lifetime_s, struct secret *kubeconfig, struct err *err)
{
	struct parts parts = {
		.cluster_name = cluster_name,
		.server_url = server_url,
		.user = user,
	};
	const struct certificate_wish wish = {
		.common_name = user,
		.organization = "system:masters",
		.from_unix = now_unix - MINUTE_S,
		.until_unix = now_unix + lifetime_s,
	};

	if (!is_plain(cluster_name) || !is_plain(server_url) || !is_plain(user))
		return err_set(err, ERR_BUG, "kubeconfig_name",
			"a name in a kubeconfig must be plain ASCII");
	bool ok = bundle_take(bundle, "server-ca.crt", &parts.server_ca, err) &&
		  issue(bundle, &wish, &parts, err) &&
		  write_kubeconfig(&parts, kubeconfig, err);
	parts_clear(&parts);
	return ok;
}
