/*
 * For the integration tests: makes one cluster's keys as files in a folder.
 *
 *	make_cluster_keys DIR NOW_UNIX LIFETIME_S SERVER_URL
 */
#include <byoc/cluster_keys.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void write_file(
	const char *dir, const char *name, const void *bytes, size_t size)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *file = fopen(path, "w");
	if (!file || fwrite(bytes, 1, size, file) != size ||
		fchmod(fileno(file), 0600) || fclose(file)) {
		perror(path);
		exit(1);
	}
}

static void write_secret(
	const char *dir, const char *name, struct secret *secret)
{
	write_file(dir, name, secret->bytes, secret->size);
	secret_clear(secret);
}

int main(int argc, char **argv)
{
	struct secret private_key, bundle, token, kubeconfig;
	struct err err = {0};
	char *public_line;

	if (argc != 5) {
		fputs("usage: make_cluster_keys DIR NOW_UNIX LIFETIME_S "
		      "SERVER_URL\n",
			stderr);
		return 2;
	}
	secret_harden_process();
	const char *dir = argv[1];
	const int64_t now_unix = strtoll(argv[2], NULL, 10);
	const int64_t lifetime_s = strtoll(argv[3], NULL, 10);

	if (!ssh_key_make("test key", &private_key, &public_line, &err) ||
		!authorities_make(now_unix, &bundle, &err) ||
		!kubeconfig_mint(&bundle, "shop", argv[4], "admin", now_unix,
			lifetime_s, &kubeconfig, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	join_token_make(&token);
	write_file(dir, "id_ed25519.pub", public_line, strlen(public_line));
	write_secret(dir, "id_ed25519", &private_key);
	write_secret(dir, "authorities.json", &bundle);
	write_secret(dir, "join_token", &token);
	write_secret(dir, "kubeconfig", &kubeconfig);
	free(public_line);
	return 0;
}
