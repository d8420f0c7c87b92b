/*
 * For the integration tests: prints the user_data of one server.
 *
 *	print_user_data KEYS_DIR LOAD_BALANCER LOCATION single|ha KIND INDEX
 *		[workers|running|closed|ingress]...
 *
 * KEYS_DIR is what make_cluster_keys has made; KIND is gateway, control_plane
 * or worker. The cluster has workers, was ready already, its API is not open
 * to everybody, or it has an ingress, if that is said.
 */
#include <byoc/bootstrap.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0A"
#define CLUSTER_ID "7d1f8c1e-0c7b-4b39-9a5e-0a3f6f0f8f11"

static void read_secret(const char *dir, const char *name, struct secret *out)
{
	char path[4096], bytes[16384];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *file = fopen(path, "r");
	if (!file) {
		perror(path);
		exit(1);
	}
	secret_set(out, bytes, fread(bytes, 1, sizeof bytes, file));
	fclose(file);
}

static bool make(const struct bootstrap *values, const char *kind, int index,
	struct secret *user_data, struct err *err)
{
	if (!strcmp(kind, "gateway"))
		return bootstrap_gateway(values, user_data, err);
	if (!strcmp(kind, "control_plane"))
		return bootstrap_control_plane(values, index, user_data, err);
	return bootstrap_worker(values, index, user_data, err);
}

static bool says(char **words, const char *word)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct secret hcloud_token, authorities, join_token, user_data;
	struct err err = {0};

	if (argc < 7) {
		fputs("usage: print_user_data KEYS_DIR LOAD_BALANCER LOCATION "
		      "single|ha KIND INDEX [workers|running|closed|ingress]...\n",
			stderr);
		return 2;
	}
	secret_harden_process();
	secret_set(&hcloud_token, TOKEN, strlen(TOKEN));
	read_secret(argv[1], "authorities.json", &authorities);
	read_secret(argv[1], "join_token", &join_token);

	const struct bootstrap values = {
		.cluster_id = CLUSTER_ID,
		.cluster_name = "shop",
		.location = argv[3],
		.network_name = "shop-7d1f8c1e-network",
		.network_range = "10.0.0.0/16",
		.router_address = "10.0.0.1",
		.load_balancer_private = "10.0.0.2",
		.load_balancer_public = argv[2],
		.relay_to = says(argv + 7, "closed") ? "10.0.0.2" : NULL,
		.volume_label = "mengi.cloud/cluster=" CLUSTER_ID,
		.pod_security = "baseline",
		.balancer_type = "lb11",
		.has_ingress = says(argv + 7, "ingress"),
		.highly_available = !strcmp(argv[4], "ha"),
		.has_workers = says(argv + 7, "workers"),
		.may_begin = !says(argv + 7, "running"),
		.hcloud_token = &hcloud_token,
		.authorities = &authorities,
		.join_token = &join_token,
	};
	bool ok = make(&values, argv[5], atoi(argv[6]), &user_data, &err);
	if (ok) {
		fwrite(user_data.bytes, 1, user_data.size, stdout);
		secret_clear(&user_data);
	} else {
		fprintf(stderr, "%s\n", err.text);
	}
	secret_clear(&hcloud_token);
	secret_clear(&authorities);
	secret_clear(&join_token);
	return ok ? 0 : 1;
}
