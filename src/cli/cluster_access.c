/*
 * The way into a cluster: an administrator's kubeconfig, minted when it is
 * asked for, and the SSH key for emergencies.
 */
#include "commands.h"

#include "secret_text.h"
#include <byoc/clock.h>
#include <byoc/cluster_keys.h>
#include <byoc/json.h>
#include <byoc/seal.h>
#include <json-c/json.h>
#include <string.h>

static bool refuse_without_keys(
	const struct cluster_access *access, struct err *err)
{
	if (access->deleted)
		return err_set(err, ERR_REFUSED, "no_keys",
			"cluster '%s' is deleted, and its keys with it",
			access->name);
	return err_set(err, ERR_REFUSED, "no_keys",
		"cluster '%s' has no keys yet: they are made when it is built",
		access->name);
}

/* Of the cluster that was named, which has all its keys or none. */
static bool find_access(const struct call *call, char id[UUID_SIZE],
	struct cluster_access *access, struct err *err)
{
	return console_find_cluster(call->store, call->arguments[0], id, err) &&
	       console_access(call->store, id, access, err) &&
	       (access->sealed_authorities || refuse_without_keys(access, err));
}

/* Opens what is sealed for a cluster; `what` is the end of its context. */
static bool open_sealed(const struct call *call, const char *id,
	const char *what, const char *sealed, struct secret *plain,
	struct err *err)
{
	char context[SEAL_CONTEXT_SIZE];

	struct keyring *keyring =
		keyring_load(call->settings.key_dir, true, err);
	if (!keyring)
		return false;
	seal_context(context, "cluster", id, what);
	bool ok = unseal_own(keyring, context, sealed, plain, err);
	keyring_free(keyring);
	return ok;
}

static bool print_kubeconfig(const struct call *call, const char *id,
	const struct cluster_access *access, struct err *err)
{
	char server[80];
	struct secret authorities = {0};
	struct secret kubeconfig = {0};
	int64_t lifetime_s = 3600LL * option_number(call, OPTION_LIFETIME);
	bool ok = open_sealed(call, id, "authorities",
		access->sealed_authorities, &authorities, err);

	if (ok && !*access->server)
		ok = err_set(err, ERR_REFUSED, "no_endpoint",
			"the cluster has no load balancer yet");
	snprintf(server, sizeof server, "https://%s:%d", access->server,
		API_PORT);
	ok = ok &&
	     kubeconfig_mint(&authorities, access->name, server,
		     "byoc-operator", clock_unix_ms() / 1000, lifetime_s,
		     &kubeconfig, err) &&
	     secret_print(&kubeconfig, err);
	secret_clear(&authorities);
	secret_clear(&kubeconfig);
	return ok;
}

static int run_kubeconfig(struct call *call)
{
	char id[UUID_SIZE];
	struct cluster_access access = {0};
	struct err err = {0};
	bool ok = find_access(call, id, &access, &err) &&
		  print_kubeconfig(call, id, &access, &err);

	cluster_access_clear(&access);
	return ok ? DONE : fail(&err);
}

const struct command cluster_kubeconfig_command = {
	.noun = "cluster",
	.verb = "kubeconfig",
	.arguments = "ID",
	.summary = "mint an administrator's kubeconfig",
	.details = "Its client certificate is made now and ends by itself. To "
		   "take all of a cluster\nback before, delete its "
		   "ClusterRoleBinding mengi:admins. Needs the secret keys in\n"
		   "BYOC_KEY_DIR:\n\n"
		   "  (umask 077; byoc cluster kubeconfig demo > kubeconfig)\n"
		   "  kubectl --kubeconfig kubeconfig get nodes",
	.takes = BIT(OPTION_LIFETIME),
	.needs = NEED_DATABASE | NEED_KEYS,
	.store = true,
	.run = run_kubeconfig,
};

static const char *member(struct json_object *object, const char *key)
{
	return json_object_get_string(json_object_object_get(object, key));
}

static bool is_node(struct json_object *resource)
{
	const char *phase = member(resource, "phase");

	return member(resource, "private_address") &&
	       (strcmp(phase, "control_plane") == 0 ||
		       strcmp(phase, "worker") == 0);
}

/* How to use the key, on standard error, so that it can go into a file. */
static void explain_way(
	struct json_object *cluster, const char *id, const char *gateway)
{
	struct json_object *resources =
		json_object_object_get(cluster, "resources");
	const char *first = NULL;

	for (size_t i = 0; i < json_object_array_length(resources); i++) {
		struct json_object *resource =
			json_object_array_get_idx(resources, i);
		if (!is_node(resource))
			continue;
		if (!first)
			remark("# Nodes:");
		first = first ? first : member(resource, "private_address");
		remark("#   %-15s  %s", member(resource, "private_address"),
			member(resource, "name"));
	}
	remark("# (umask 077; byoc cluster ssh-key %.8s > id_%.8s)", id, id);
	if (*gateway)
		remark("# ssh -i id_%.8s -o ProxyCommand='ssh -i id_%.8s "
		       "-W %%h:%%p root@%s' root@%s",
			id, id, gateway, first ? first : "ADDRESS");
	else
		remark("# There is no NAT gateway yet, through which the way "
		       "leads.");
}

static int run_ssh_key(struct call *call)
{
	char id[UUID_SIZE];
	struct cluster_access access = {0};
	struct secret key = {0};
	struct json_object *cluster = NULL;
	struct err err = {0};
	bool ok = find_access(call, id, &access, &err) &&
		  open_sealed(call, id, "ssh_private_key",
			  access.sealed_ssh_private_key, &key, &err);

	if (ok)
		cluster = console_cluster(call->store, id, &err);
	ok = cluster && secret_print(&key, &err);
	if (ok)
		explain_way(cluster, id, access.gateway);
	json_free(cluster);
	secret_clear(&key);
	cluster_access_clear(&access);
	return ok ? DONE : fail(&err);
}

const struct command cluster_ssh_key_command = {
	.noun = "cluster",
	.verb = "ssh-key",
	.arguments = "ID",
	.summary = "the SSH key for emergencies, and the way to the nodes",
	.details = "The key goes to standard output, the way to standard "
		   "error. Nodes have no public\naddress: it leads through the "
		   "NAT gateway.",
	.needs = NEED_DATABASE | NEED_KEYS,
	.store = true,
	.run = run_ssh_key,
};
