/*
 * The keys of one cluster, made by the worker before the first server exists:
 * an SSH key for emergency access, the certificate authorities that k3s
 * expects, and the join token. Also what is minted from them later. Needs
 * libsodium ready, as secret_harden_process() makes it.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>
#include <stdint.h>

/* For main(), before anything uses OpenSSL: what it frees is wiped. */
bool openssl_wipe_memory(struct err *err);

/*
 * Makes an ed25519 key. `private_key` is in OpenSSH's PEM-like file format,
 * `public_line` the one-line form "ssh-ed25519 AAAA... comment" (the caller
 * frees with free()).
 */
bool ssh_key_make(const char *comment, struct secret *private_key,
	char **public_line, struct err *err);

/*
 * Makes all authorities: a JSON object whose keys are paths below
 * /var/lib/rancher/k3s/server/tls ("server-ca.crt", "etcd/peer-ca.key", ...,
 * "service.key") and whose values are PEM texts. Certificates are valid for ten
 * years from an hour before `now_unix`.
 */
bool authorities_make(int64_t now_unix, struct secret *bundle, struct err *err);

/* Makes the password that nodes join with: 64 hexadecimal digits. */
void join_token_make(struct secret *token);

/* Who asks a cluster's Kubernetes API, and whom to believe that it is the one:
 * PEM texts. */
struct cluster_identity {
	struct secret authority; /* of the server's certificate */
	struct secret certificate;
	struct secret key;
};

/*
 * The groups of those who come with a client certificate. Each cluster's
 * manifests (src/bootstrap/manifests/administrators.yaml) bind them to the role
 * cluster-admin, and whoever removes the binding takes it from every one of its
 * certificates at once: system:masters could not be taken back.
 */
#define GROUP_ADMINS "mengi:admins"   /* people, with kubeconfigs */
#define GROUP_WORKERS "mengi:workers" /* our own workers */

/*
 * Mints an identity: a client certificate O=`group`, CN=`user`, issued by the
 * bundle's client authority and valid for `lifetime_s` seconds from a minute
 * before `now_unix`. The caller clears it, also after a failure.
 */
bool cluster_identity_mint(const struct secret *bundle, const char *group,
	const char *user, int64_t now_unix, int64_t lifetime_s,
	struct cluster_identity *identity, struct err *err);
void cluster_identity_clear(struct cluster_identity *identity);

/*
 * Mints an administrator's kubeconfig (YAML, self-contained, with an identity
 * of GROUP_ADMINS); `server_url` is "https://<address>:6443". Operators get it
 * as it is; what a job asks for is sealed to the credential's recipient.
 */
bool kubeconfig_mint(const struct secret *bundle, const char *cluster_name,
	const char *server_url, const char *user, int64_t now_unix,
	int64_t lifetime_s, struct secret *kubeconfig, struct err *err);
