/* Reading user data as cloud-init and k3s would: only the files that matter. */
#include "../sim/memory.h"
#include "cluster.h"

#include <gnutls/crypto.h>

#define TLS "/var/lib/rancher/k3s/server/tls/"

static size_t indent_of(const char *line)
{
	return strspn(line, " ");
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

/* The file that write_files puts there, or NULL. Owned. */
static char *file_in(const char *user_data, const char *path)
{
	char entry[160];
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	snprintf(entry, sizeof entry, "- path: %s\n", path);
	const char *line = strstr(user_data, entry);
	if (!line)
		return NULL;
	line = strstr(line, "content: |\n");
	if (!line)
		return NULL;
	line = next_line(line);
	size_t indent = indent_of(line);
	out = must_have(open_memstream(&text, &size));
	for (; *line && (*line == '\n' || indent_of(line) >= indent);
		line = next_line(line)) {
		const char *from = *line == '\n' ? line : line + indent;
		fwrite(from, 1, (size_t)(next_line(line) - from), out);
	}
	fclose(out);
	/* One line feed at the end, as YAML's "|" keeps it. */
	while (size > 1 && text[size - 1] == '\n' && text[size - 2] == '\n')
		text[--size] = '\0';
	return text;
}

/* What stands behind `key`, up to a quote or the line's end. Owned. */
static char *value_of(const char *text, const char *key)
{
	const char *at = text ? strstr(text, key) : NULL;

	if (!at)
		return NULL;
	at += strlen(key);
	return must_have(strndup(at, strcspn(at, "\"\n")));
}

static void hash_text(const char *text, char hex[65])
{
	unsigned char hash[32];

	gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), hash);
	for (size_t i = 0; i < sizeof hash; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

/* The lines of `tls-san`. */
static struct json_object *names_in(const char *config)
{
	struct json_object *names = json_object_new_array();
	const char *line = config ? strstr(config, "tls-san:\n") : NULL;

	if (!line)
		return names;
	for (line = next_line(line); strncmp(line, "  - \"", 5) == 0;
		line = next_line(line))
		json_add(names, json_object_new_string_len(line + 5,
					(int)strcspn(line + 5, "\"\n")));
	return names;
}

static void read_control_plane(const char *user_data, struct intent *intent)
{
	char *config = file_in(user_data, "/etc/rancher/k3s/config.yaml");
	char *begin = file_in(user_data, "/etc/mengi/begin.yaml");
	char *secret =
		file_in(user_data, "/etc/mengi/manifests/hcloud-secret.yaml");

	intent->control_plane = true;
	hash_text(intent->server_ca, intent->hash);
	intent->server_key = file_in(user_data, TLS "server-ca.key");
	intent->client_ca = file_in(user_data, TLS "client-ca.crt");
	intent->names = names_in(config);
	intent->begins = begin != NULL;
	intent->token = value_of(secret, "token: \"");
	free(config);
	free(begin);
	free(secret);
}

static void read_worker(const char *user_data, struct intent *intent)
{
	char *join = file_in(user_data, "/etc/mengi/join.yaml");
	char *token = value_of(join, "token: \"K10");

	if (token && strlen(token) > 64)
		snprintf(intent->hash, sizeof intent->hash, "%.64s", token);
	free(join);
	free(token);
}

bool intent_read(const char *user_data, struct intent *intent)
{
	*intent = (struct intent){0};
	if (!user_data)
		return false;
	intent->server_ca = file_in(user_data, TLS "server-ca.crt");
	intent->version = value_of(user_data, "RELEASE=");
	if (intent->server_ca)
		read_control_plane(user_data, intent);
	else
		read_worker(user_data, intent);
	if (intent->hash[0] && intent->version)
		return true;
	intent_clear(intent);
	return false;
}

void intent_clear(struct intent *intent)
{
	free(intent->version);
	free(intent->server_ca);
	free(intent->server_key);
	free(intent->client_ca);
	free(intent->token);
	json_object_put(intent->names);
	*intent = (struct intent){0};
}
