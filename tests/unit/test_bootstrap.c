/*
 * That every user_data is complete, and what differs from server to server.
 * What the real tools say about them is shown by test_bootstrap_*.py.
 */
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

TestSuite(bootstrap, .init = make_libsodium_ready);

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
		.load_balancer_private = "10.0.0.2",
		.load_balancer_public = "203.0.113.7",
		.balancer_type = "lb11",
		.volume_label = "mengi.cloud/cluster=" CLUSTER_ID,
		.pod_security = "baseline",
		.may_begin = true,
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

Test(bootstrap, makes_the_gateway_from_four_values_and_without_secrets)
{
	const struct bootstrap values = {.cluster_id = CLUSTER_ID,
		.cluster_name = "shop",
		.network_range = "10.9.0.0/16",
		.router_address = "10.9.0.1"};
	struct secret user_data;
	struct err err = {0};

	cr_assert(bootstrap_gateway(&values, &user_data, &err), "%s", err.text);
	cr_expect(strstr(user_data.bytes, "10.9.0.0/16"));
	cr_expect_null(strstr(user_data.bytes, "TOKEN"));
	secret_clear(&user_data);
}

static void expect_reboot_time(const char *cluster_id, const char *time)
{
	struct cluster cluster;
	struct secret user_data = {0};
	struct err err = {0};

	cluster_init(&cluster, 1);
	cluster.values.cluster_id = cluster_id;
	cr_assert(bootstrap_gateway(&cluster.values, &user_data, &err), "%s",
		err.text);
	cr_expect(strstr(user_data.bytes, time), "%s of %s", time, cluster_id);
	secret_clear(&user_data);
	cluster_clear(&cluster);
}

Test(bootstrap, spreads_the_gateways_restarts_over_the_night)
{
	expect_reboot_time("0000"
			   "0000-0000-0000-000000000000",
		"\"02:00\"");
	expect_reboot_time("003c"
			   "0000-0000-0000-000000000000",
		"\"03:00\"");
	expect_reboot_time("00b3"
			   "0000-0000-0000-000000000000",
		"\"04:59\"");
	expect_reboot_time("00b4"
			   "0000-0000-0000-000000000000",
		"\"02:00\"");

	struct cluster cluster;
	struct secret user_data = {0};
	struct err err = {0};
	cluster_init(&cluster, 1);
	cluster.values.cluster_id = "no uuid";
	cr_expect_not(bootstrap_gateway(&cluster.values, &user_data, &err));
	cr_expect_str_eq(err.code, "bootstrap_cluster_id");
	cluster_clear(&cluster);
}

static void expect_restart_time(bootstrap_fn *make, int index, const char *time)
{
	struct cluster cluster;
	struct secret user_data = {0};
	struct err err = {0};

	cluster_init(&cluster, 1);
	cluster.values.highly_available = true;
	cr_assert(
		make(&cluster.values, index, &user_data, &err), "%s", err.text);
	cr_expect(strstr(user_data.bytes, time), "%s of %d", time, index);
	secret_clear(&user_data);
	cluster_clear(&cluster);
}

Test(bootstrap, never_restarts_two_control_planes_on_the_same_day)
{
	expect_restart_time(
		bootstrap_control_plane, 0, "OnCalendar=Mon *-*-* 02:00\n");
	expect_restart_time(
		bootstrap_control_plane, 1, "OnCalendar=Tue *-*-* 02:00\n");
	expect_restart_time(
		bootstrap_control_plane, 2, "OnCalendar=Wed *-*-* 02:00\n");
	expect_restart_time(
		bootstrap_worker, 0, "OnCalendar=Thu *-*-* 02:00\n");
	expect_restart_time(
		bootstrap_worker, 89, "OnCalendar=Thu *-*-* 03:29\n");
}

Test(bootstrap, never_begins_a_cluster_that_was_ready_once)
{
	struct cluster cluster;
	struct secret user_data = {0};
	struct err err = {0};

	cluster_init(&cluster, 10);
	cluster.values.may_begin = false;
	cluster.values.hcloud_token = NULL;
	cr_assert(bootstrap_control_plane(&cluster.values, 0, &user_data, &err),
		"%s", err.text);
	expect_complete(&user_data);
	cr_expect_null(strstr(user_data.bytes, "cluster-init"));
	cr_expect_null(strstr(user_data.bytes, "HelmChart"));
	cr_expect(strstr(user_data.bytes, "::server:JOINTOKEN\""));
	secret_clear(&user_data);
	cluster_clear(&cluster);
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
	cluster.values.load_balancer_private = NULL;
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
