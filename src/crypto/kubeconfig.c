/*
 * An administrator's kubeconfig, with an identity that is minted for it.
 */
#include "secret_writer.h"

#include <byoc/cluster_keys.h>
#include <string.h>

enum { KUBECONFIG_ROOM = 16 * 1024 };

/* The names in the file, and the three PEM texts that it carries. */
struct parts {
	const char *cluster_name;
	const char *server_url;
	const char *user;
	struct cluster_identity identity;
};

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
	put_data(&writer, "    certificate-authority-data",
		&parts->identity.authority);
	writer_text(&writer, "users:\n");
	put_line(&writer, "- name", parts->user);
	writer_text(&writer, "  user:\n");
	put_data(&writer, "    client-certificate-data",
		&parts->identity.certificate);
	put_data(&writer, "    client-key-data", &parts->identity.key);
	writer_text(&writer, "contexts:\n");
	put_line(&writer, "- name", parts->cluster_name);
	writer_text(&writer, "  context:\n");
	put_line(&writer, "    cluster", parts->cluster_name);
	put_line(&writer, "    user", parts->user);
	put_line(&writer, "current-context", parts->cluster_name);
	return writer_finish(&writer, kubeconfig, err);
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

	if (!is_plain(cluster_name) || !is_plain(server_url) || !is_plain(user))
		return err_set(err, ERR_BUG, "kubeconfig_name",
			"a name in a kubeconfig must be plain ASCII");
	bool ok = cluster_identity_mint(bundle, GROUP_ADMINS, user, now_unix,
			  lifetime_s, &parts.identity, err) &&
		  write_kubeconfig(&parts, kubeconfig, err);
	cluster_identity_clear(&parts.identity);
	return ok;
}
