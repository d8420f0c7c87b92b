/*
 * Authorities, join tokens and kubeconfigs: their form. That OpenSSL, Python's
 * TLS and kubectl accept them is shown by test_cluster_keys.py.
 */
#include <byoc/cluster_keys.h>

#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define NOW 1800000000

static const char *const paths[] = {
	"server-ca.crt",
	"server-ca.key",
	"client-ca.crt",
	"client-ca.key",
	"request-header-ca.crt",
	"request-header-ca.key",
	"etcd/server-ca.crt",
	"etcd/server-ca.key",
	"etcd/peer-ca.crt",
	"etcd/peer-ca.key",
	"service.key",
};

/* What secret_harden_process() does for a program. */
static void make_libsodium_ready(void)
{
	cr_assert_geq(sodium_init(), 0);
}

TestSuite(authorities, .init = make_libsodium_ready);
TestSuite(join_token, .init = make_libsodium_ready);
TestSuite(kubeconfig, .init = make_libsodium_ready);

static void make(struct secret *bundle)
{
	struct err err = {0};

	cr_assert(authorities_make(NOW, bundle, &err), "%s", err.text);
	cr_assert_eq(strlen(bundle->bytes), bundle->size);
}

static const char *pem_at(struct json_object *root, const char *path)
{
	struct json_object *pem = NULL;

	cr_assert(json_object_object_get_ex(root, path, &pem), "%s", path);
	return json_object_get_string(pem);
}

Test(authorities, are_all_that_k3s_expects_as_json)
{
	struct secret bundle;

	make(&bundle);
	struct json_object *root = json_tokener_parse(bundle.bytes);
	cr_assert(root);
	cr_expect_eq((size_t)json_object_object_length(root), COUNT(paths));
	for (size_t i = 0; i < COUNT(paths); i++) {
		bool is_key = strstr(paths[i], ".key");
		const char *begin = is_key ? "-----BEGIN EC PRIVATE KEY-----\n"
					   : "-----BEGIN CERTIFICATE-----\n";
		const char *pem = pem_at(root, paths[i]);
		cr_expect_eq(strncmp(pem, begin, strlen(begin)), 0, "%s: %s",
			paths[i], pem);
		cr_expect_eq(pem[strlen(pem) - 1], '\n');
	}
	json_object_put(root);
	secret_clear(&bundle);
}

Test(authorities, share_no_key)
{
	struct secret bundle;

	make(&bundle);
	struct json_object *root = json_tokener_parse(bundle.bytes);
	for (size_t i = 0; i < COUNT(paths); i++)
		for (size_t j = 0; j < i; j++)
			cr_expect_str_neq(pem_at(root, paths[i]),
				pem_at(root, paths[j]), "%s, %s", paths[i],
				paths[j]);
	json_object_put(root);
	secret_clear(&bundle);
}

Test(join_token, is_64_hexadecimal_digits_and_another_every_time)
{
	struct secret one, other;

	join_token_make(&one);
	join_token_make(&other);
	cr_expect_eq(one.size, 64);
	cr_expect_eq(strspn(one.bytes, "0123456789abcdef"), 64);
	cr_expect_str_neq(one.bytes, other.bytes);
	secret_clear(&one);
	secret_clear(&other);
}

static bool mint(const struct secret *bundle, const char *name, const char *url,
	const char *user, struct secret *kubeconfig, struct err *err)
{
	return kubeconfig_mint(
		bundle, name, url, user, NOW, 3600, kubeconfig, err);
}

Test(kubeconfig, names_cluster_server_and_user)
{
	static const char *const lines[] = {
		"apiVersion: v1\n",
		"kind: Config\n",
		"    server: \"https://203.0.113.7:6443\"\n",
		"- name: \"shop\"\n",
		"- name: \"admin\"\n",
		"current-context: \"shop\"\n",
	};
	struct secret bundle, kubeconfig;
	struct err err = {0};

	make(&bundle);
	cr_assert(mint(&bundle, "shop", "https://203.0.113.7:6443", "admin",
			  &kubeconfig, &err),
		"%s", err.text);
	for (size_t i = 0; i < COUNT(lines); i++)
		cr_expect(strstr(kubeconfig.bytes, lines[i]), "%s", lines[i]);
	cr_expect_null(strstr(kubeconfig.bytes, "-----BEGIN"));
	secret_clear(&bundle);
	secret_clear(&kubeconfig);
}

Test(kubeconfig, refuses_names_that_would_break_its_lines)
{
	static const char *const names[] = {"a\"b", "a\nb", "a\\b"};
	struct secret bundle, kubeconfig = {0};

	make(&bundle);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct err err = {0};
		cr_expect_not(mint(&bundle, names[i], "https://a:6443", "u",
			&kubeconfig, &err));
		cr_expect_eq(err.kind, ERR_BUG);
	}
	cr_expect_null(kubeconfig.bytes);
	secret_clear(&bundle);
}

Test(kubeconfig, says_what_a_broken_bundle_lacks)
{
	static const char *const bundles[] = {
		"",
		"{}",
		"{\"server-ca.crt\":\"",
		"{\"server-ca.crt\":\"x\"}",
	};
	struct secret kubeconfig = {0};

	for (size_t i = 0; i < COUNT(bundles); i++) {
		struct secret bundle;
		struct err err = {0};

		secret_set(&bundle, bundles[i], strlen(bundles[i]));
		cr_expect_not(mint(&bundle, "shop", "https://a:6443", "u",
			&kubeconfig, &err));
		cr_expect_str_eq(err.code, "authorities_malformed");
		cr_expect(strstr(err.text, "-ca.crt"), "%s", err.text);
		secret_clear(&bundle);
	}
	cr_expect_null(kubeconfig.bytes);
}

Test(kubeconfig, shows_no_key_when_a_bundle_is_not_pem)
{
	static const char text[] = "{\"server-ca.crt\":\"x\","
				   "\"client-ca.crt\":\"swordfish\","
				   "\"client-ca.key\":\"swordfish\"}";
	struct secret bundle, kubeconfig = {0};
	struct err err = {0};

	secret_set(&bundle, text, strlen(text));
	cr_expect_not(mint(
		&bundle, "shop", "https://a:6443", "u", &kubeconfig, &err));
	cr_expect_str_eq(err.code, "openssl");
	cr_expect_null(strstr(err.text, "swordfish"));
	secret_clear(&bundle);
}
