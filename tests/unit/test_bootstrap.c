/*
 * The renderer's rules, and that every user_data is complete. What the real
 * tools say about them is shown by test_bootstrap_*.py.
 */
#include "render.h"

#include <byoc/bootstrap.h>
#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLUSTER_ID "7d1f8c1e-0c7b-4b39-9a5e-0a3f6f0f8f11"

static void make_libsodium_ready(void)
{
	cr_assert_geq(sodium_init(), 0);
}

TestSuite(render, .init = make_libsodium_ready);
TestSuite(bootstrap, .init = make_libsodium_ready);

static void expect_rendered(
	const char *template, const struct values *values, const char *expected)
{
	struct secret out = {0};
	struct err err = {0};

	cr_assert(render(template, values, &out, &err), "%s", err.text);
	cr_expect_str_eq(out.bytes, expected);
	cr_expect_eq(out.size, strlen(expected));
	secret_clear(&out);
}

static void expect_bug(
	const char *template, const struct values *values, const char *code)
{
	struct secret out = {0};
	struct err err = {0};

	cr_expect_not(render(template, values, &out, &err), "%s", template);
	cr_expect_eq(err.kind, ERR_BUG);
	cr_expect_str_eq(err.code, code, "%s: %s", template, err.text);
	cr_expect_null(out.bytes);
	secret_clear(&out);
}

Test(render, puts_words_where_their_placeholders_are)
{
	struct values values = {0};

	values_text(&values, "name", "shop");
	values_text(&values, "range", "10.0.0.0/16");
	expect_rendered("", &values, "");
	expect_rendered("no placeholder", &values, "no placeholder");
	expect_rendered("a {{name}}: \"{{range}}\" {b}\n", &values,
		"a shop: \"10.0.0.0/16\" {b}\n");
	expect_rendered("{{name}}{{name}}", &values, "shopshop");
}

Test(render, takes_only_words_that_mean_themselves_everywhere)
{
	static const char *const bad[] = {"", " ", "a b", "a\"b", "a'b", "a\\b",
		"$(reboot)", "`reboot`", "a\nb", "a;b", "a#b", "a%b", "{a}",
		"[a]", "a&b", "*", "!", "|", "\xc3\xa4", "a\x01"};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct values values = {0};
		values_text(&values, "word", bad[i]);
		expect_bug("key: {{word}}\n", &values, "template_bad_value");
	}

	struct values values = {0};
	values_text(&values, "word", "aZ09._:/=@+-");
	expect_rendered("key: {{word}}\n", &values, "key: aZ09._:/=@+-\n");
}

Test(render, refuses_a_zero_byte_in_a_word)
{
	struct secret secret;
	struct values values = {0};

	secret_set(&secret, "a\0b", 3);
	values_secret(&values, "word", &secret);
	expect_bug("key: {{word}}\n", &values, "template_bad_value");
	secret_clear(&secret);
}

Test(render, indents_every_line_of_a_block)
{
	struct values values = {0};

	values_text(&values, "block", "one\n  two\n\n\tthree");
	expect_rendered("a: |\n    {{block}}\nb: c\n", &values,
		"a: |\n    one\n      two\n\n    \tthree\nb: c\n");
	expect_rendered("{{block}}", &values, "one\n  two\n\n\tthree\n");
}

Test(render, leaves_no_line_for_an_empty_block)
{
	struct values values = {0};

	values_text(&values, "block", "");
	expect_rendered("a\n  {{block}}\nb\n", &values, "a\nb\n");
}

Test(render, refuses_blocks_that_would_change_what_is_around_them)
{
	static const char *const bad[] = {" begins with a space",
		"\nbegins with an empty line", "a\rb", "a\x1b[0m", "a\x7f"};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct values values = {0};
		values_text(&values, "block", bad[i]);
		expect_bug("  {{block}}\n", &values, "template_bad_value");
	}
}

Test(render, does_not_look_for_placeholders_in_values)
{
	struct values values = {0};

	values_text(&values, "script", "{{name}} ${{x}}\n{{");
	expect_rendered("  {{script}}\n", &values, "  {{name}} ${{x}}\n  {{\n");
}

Test(render, refuses_names_without_a_value)
{
	struct values values = {0};

	values_text(&values, "known", "x");
	values_text(&values, "missing", NULL);
	expect_bug("{{unknown}}\n", &values, "template_unknown_name");
	expect_bug("a {{unknown}}\n", &values, "template_unknown_name");
	expect_bug("a {{missing}}\n", &values, "template_unknown_name");
	expect_bug("a {{know}}\n", &values, "template_unknown_name");
	expect_bug("a {{}}\n", &values, "template_unknown_name");
	expect_bug("a {{known\n}}\n", &values, "template_malformed");
}

Test(render, nests_templates)
{
	struct values values = {0};
	struct err err = {0};

	values_text(&values, "name", "shop");
	cr_assert(
		values_render(&values, "inner", "- {{name}}:\n  - x\n", &err));
	expect_rendered(
		"list:\n  {{inner}}\n", &values, "list:\n  - shop:\n    - x\n");
	values_clear(&values);
}

Test(render, shows_no_value_in_errors)
{
	struct values values = {0};
	struct secret out, secret;
	struct err err = {0};

	secret_set(&secret, "sword fish", 10);
	values_secret(&values, "token", &secret);
	cr_expect_not(render("a {{token}}", &values, &out, &err));
	cr_expect_null(strstr(err.text, "sword"));
	cr_expect(strstr(err.text, "token"));
	secret_clear(&secret);
}

/* A bundle as authorities_make() writes it, with `filler` more in each. */
static void make_bundle(struct secret *bundle, size_t filler)
{
	static const char *const paths[] = {"server-ca.crt", "server-ca.key",
		"client-ca.crt", "client-ca.key", "request-header-ca.crt",
		"request-header-ca.key", "etcd/server-ca.crt",
		"etcd/server-ca.key", "etcd/peer-ca.crt", "etcd/peer-ca.key",
		"service.key"};
	char *text = memory_new(COUNT(paths) * (filler + 100) + 10);
	char *at = text;

	for (size_t i = 0; i < COUNT(paths); i++) {
		at += sprintf(at, "%s\"%s\":\"-----BEGIN %zu-----\\n",
			i ? "," : "{", paths[i], i);
		memset(at, 'x', filler);
		at += filler;
		at += sprintf(at, "\\n-----END %zu-----\\n\"", i);
	}
	strcpy(at, "}");
	secret_set(bundle, text, strlen(text));
	free(text);
}

struct cluster {
	struct secret hcloud_token, authorities, join_token;
	struct bootstrap values;
};

static void cluster_init(struct cluster *cluster, size_t filler)
{
	secret_set(&cluster->hcloud_token, "HCLOUDTOKEN", 11);
	secret_set(&cluster->join_token, "JOINTOKEN", 9);
	make_bundle(&cluster->authorities, filler);
	cluster->values = (struct bootstrap){
		.cluster_id = CLUSTER_ID,
		.cluster_name = "shop",
		.location = "fsn1",
		.network_name = "shop-network",
		.network_range = "10.0.0.0/16",
		.router_address = "10.0.0.1",
		.gateway_address = "10.0.0.2",
		.load_balancer_address = "203.0.113.7",
		.volume_label = "mengi.cloud/cluster=" CLUSTER_ID,
		.hcloud_token = &cluster->hcloud_token,
		.authorities = &cluster->authorities,
		.join_token = &cluster->join_token,
	};
}

static void cluster_clear(struct cluster *cluster)
{
	secret_clear(&cluster->hcloud_token);
	secret_clear(&cluster->join_token);
	secret_clear(&cluster->authorities);
}

typedef bool bootstrap_fn(
	const struct bootstrap *, int, struct secret *, struct err *);

static bool gateway(const struct bootstrap *values, int index,
	struct secret *user_data, struct err *err)
{
	(void)index;
	return bootstrap_gateway(values, user_data, err);
}

static const char first_line[] = "#cloud-config\n";

static void expect_complete(const struct secret *user_data)
{
	cr_expect_eq(
		strncmp(user_data->bytes, first_line, strlen(first_line)), 0);
	cr_expect_null(strstr(user_data->bytes, "{{"));
	cr_expect_null(strstr(user_data->bytes, "}}"));
	cr_expect_eq(strlen(user_data->bytes), user_data->size);
	cr_expect_leq(user_data->size, (size_t)USER_DATA_MAX);
}

Test(bootstrap, fills_every_placeholder_for_all_types_and_locations)
{
	static const char *const locations[] = {
		"fsn1", "nbg1", "hel1", "ash", "hil", "sin"};
	static const struct {
		bootstrap_fn *make;
		int index;
		bool highly_available;
	} servers[] = {
		{gateway, 0, false},
		{bootstrap_control_plane, 0, false},
		{bootstrap_control_plane, 0, true},
		{bootstrap_control_plane, 1, true},
		{bootstrap_control_plane, 2, true},
		{bootstrap_worker, 0, false},
		{bootstrap_worker, 41, true},
	};
	struct cluster cluster;

	cluster_init(&cluster, 700);
	for (size_t l = 0; l < COUNT(locations); l++)
		for (size_t s = 0; s < COUNT(servers); s++) {
			struct secret user_data = {0};
			struct err err = {0};

			cluster.values.location = locations[l];
			cluster.values.highly_available =
				servers[s].highly_available;
			cr_assert(servers[s].make(&cluster.values,
					  servers[s].index, &user_data, &err),
				"%s", err.text);
			expect_complete(&user_data);
			secret_clear(&user_data);
		}
	cluster_clear(&cluster);
}

Test(bootstrap, makes_the_gateway_from_two_values_and_without_secrets)
{
	const struct bootstrap values = {
		.cluster_name = "shop", .network_range = "10.9.0.0/16"};
	struct secret user_data;
	struct err err = {0};

	cr_assert(bootstrap_gateway(&values, &user_data, &err), "%s", err.text);
	cr_expect(strstr(user_data.bytes, "10.9.0.0/16"));
	cr_expect_null(strstr(user_data.bytes, "TOKEN"));
	secret_clear(&user_data);
}

/* A worker that is taken over must not become a control plane. */
Test(bootstrap, gives_each_server_only_the_secrets_it_needs)
{
	struct cluster cluster;
	struct secret first, other, worker;
	struct err err = {0};

	cluster_init(&cluster, 10);
	cluster.values.highly_available = true;
	cr_assert(bootstrap_control_plane(&cluster.values, 0, &first, &err));
	cr_assert(bootstrap_control_plane(&cluster.values, 1, &other, &err));
	cr_assert(bootstrap_worker(&cluster.values, 0, &worker, &err));

	cr_expect(strstr(first.bytes, "HCLOUDTOKEN"));
	cr_expect(strstr(first.bytes, "cluster-init: true"));
	cr_expect(strstr(first.bytes, "-----BEGIN 1-----"));
	cr_expect_null(strstr(other.bytes, "HCLOUDTOKEN"));
	cr_expect_null(strstr(other.bytes, "cluster-init: true"));
	cr_expect(strstr(other.bytes, "-----BEGIN 1-----"));
	cr_expect_null(strstr(worker.bytes, "HCLOUDTOKEN"));
	cr_expect_null(strstr(worker.bytes, "cluster-init: true"));
	cr_expect_null(strstr(worker.bytes, "-----BEGIN"));
	cr_expect(strstr(other.bytes, "::server:JOINTOKEN\""));
	cr_expect_null(strstr(worker.bytes, "JOINTOKEN"));
	cr_expect(strstr(worker.bytes, "::node:"));
	secret_clear(&first);
	secret_clear(&other);
	secret_clear(&worker);
	cluster_clear(&cluster);
}

Test(bootstrap, has_no_control_plane_beyond_the_clusters_type)
{
	static const struct {
		int index;
		bool highly_available;
	} wrong[] = {{1, false}, {3, true}, {-1, true}};
	struct cluster cluster;

	cluster_init(&cluster, 10);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct secret user_data = {0};
		struct err err = {0};

		cluster.values.highly_available = wrong[i].highly_available;
		cr_expect_not(bootstrap_control_plane(
			&cluster.values, wrong[i].index, &user_data, &err));
		cr_expect_eq(err.kind, ERR_BUG);
	}
	cluster_clear(&cluster);
}

Test(bootstrap, says_by_how_much_user_data_is_too_large)
{
	struct cluster cluster;
	struct secret user_data = {0};
	struct err err = {0};

	/* Measure one that fits, then make the next one byte too large. */
	cluster_init(&cluster, 1);
	cr_assert(
		bootstrap_control_plane(&cluster.values, 0, &user_data, &err));
	size_t room = USER_DATA_MAX - user_data.size;
	secret_clear(&user_data);
	cluster_clear(&cluster);

	char name[USER_DATA_MAX + 1];
	cr_assert_lt(room, sizeof name - 10);
	memset(name, 'n', sizeof name);
	cluster_init(&cluster, 1);
	/* The name is there once for each server, beside "shop"'s length. */
	name[4 + room] = '\0';
	cluster.values.cluster_name = name;
	cr_expect(bootstrap_control_plane(&cluster.values, 0, &user_data, &err),
		"%s", err.text);
	cr_expect_eq(user_data.size, (size_t)USER_DATA_MAX);
	secret_clear(&user_data);

	name[4 + room] = 'n';
	name[4 + room + 7] = '\0';
	cr_expect_not(
		bootstrap_control_plane(&cluster.values, 0, &user_data, &err));
	cr_expect_str_eq(err.code, "user_data_too_large");
	cr_expect(strstr(err.text, "32775 bytes, 7 more"), "%s", err.text);
	cr_expect_null(user_data.bytes);
	cluster_clear(&cluster);
}

Test(bootstrap, refuses_values_that_are_not_of_their_form)
{
	struct cluster cluster;
	struct secret user_data = {0};
	struct err err = {0};

	cluster_init(&cluster, 10);
	cluster.values.network_name = "shop\"\nevil: true";
	cr_expect_not(
		bootstrap_control_plane(&cluster.values, 0, &user_data, &err));
	cr_expect_str_eq(err.code, "template_bad_value");

	err_clear(&err);
	cluster.values.network_name = "shop-network";
	cluster.values.volume_label = "no equals sign";
	cr_expect_not(
		bootstrap_control_plane(&cluster.values, 0, &user_data, &err));
	cr_expect_str_eq(err.code, "bootstrap_label");

	err_clear(&err);
	cluster.values.load_balancer_address = NULL;
	cr_expect_not(bootstrap_worker(&cluster.values, 0, &user_data, &err));
	cr_expect_str_eq(err.code, "template_unknown_name");
	cluster_clear(&cluster);
}

Test(bootstrap, says_which_authority_is_missing)
{
	struct cluster cluster;
	struct secret user_data = {0};
	struct err err = {0};

	cluster_init(&cluster, 10);
	char *at = strstr(cluster.authorities.bytes, "etcd/peer-ca.key");
	cr_assert(at);
	*at = 'x';
	cr_expect_not(
		bootstrap_control_plane(&cluster.values, 0, &user_data, &err));
	cr_expect_str_eq(err.code, "authorities_malformed");
	cr_expect(strstr(err.text, "etcd/peer-ca.key"));
	cluster_clear(&cluster);
}
