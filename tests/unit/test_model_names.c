/* Names at Hetzner, ids and trace contexts. */
#include <byoc/model.h>

#include <criterion/criterion.h>
#include <string.h>

static struct cluster cluster = {.id = "7d1f8c1e-0c7b-4b39-9a5e-0a3f6f0f8f11"};

static const char *named(const char *cluster_name, const char *what, int index)
{
	static char name[NAME_SIZE];

	strcpy(cluster.name, cluster_name);
	resource_name(&cluster, what, index, name);
	cr_assert(cluster_name_valid(name), "%s", name);
	return name;
}

Test(names, say_whose_and_what)
{
	cr_expect_str_eq(named("shop", "network", -1), "shop-7d1f8c1e-network");
	cr_expect_str_eq(named("shop", "control_plane", 2),
		"shop-7d1f8c1e-control-plane-2");
}

Test(names, shorten_the_cluster_and_nothing_else)
{
	char longest[NAME_SIZE];

	memset(longest, 'a', NAME_SIZE - 1);
	longest[NAME_SIZE - 1] = '\0';
	const char *name = named(longest, "control_plane", 100);
	cr_expect_eq(strlen(name), NAME_SIZE - 1);
	cr_expect_str_eq(strchr(name, '-'), "-7d1f8c1e-control-plane-100");
}

Test(names, of_clusters_are_rfc_1123_labels)
{
	static const char *const good[] = {"a", "0", "a-b", "a--b", "x1"};
	static const char *const bad[] = {
		"", "-a", "a-", "A", "a_b", "a.b", "\xc3\xa9"};
	char text[NAME_SIZE + 1];

	for (size_t i = 0; i < COUNT(good); i++)
		cr_expect(cluster_name_valid(good[i]), "%s", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_not(cluster_name_valid(bad[i]), "%s", bad[i]);
	memset(text, 'a', NAME_SIZE);
	text[NAME_SIZE] = '\0';
	cr_expect_not(cluster_name_valid(text), "64 characters");
	text[NAME_SIZE - 1] = '\0';
	cr_expect(cluster_name_valid(text), "63 characters");
}

Test(uuid, is_made_valid_and_different)
{
	char one[UUID_SIZE], other[UUID_SIZE];

	uuid_make(one);
	uuid_make(other);
	cr_assert(uuid_valid(one), "%s", one);
	cr_assert_str_neq(one, other);
}

Test(uuid, is_refused_in_other_forms)
{
	static const char *const bad[] = {
		"",
		"7d1f8c1e0c7b4b399a5e0a3f6f0f8f11",
		"7D1F8C1E-0C7B-4B39-9A5E-0A3F6F0F8F11",
		"7d1f8c1e-0c7b-4b39-9a5e-0a3f6f0f8f1g",
		"7d1f8c1e-0c7b-4b39-9a5e-0a3f6f0f8f1",
		"7d1f8c1e-0c7b-4b39-9a5e-0a3f6f0f8f112",
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_not(uuid_valid(bad[i]), "%s", bad[i]);
}

Test(traceparent, is_version_00)
{
	static const char good[] =
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	static const char *const bad[] = {
		"",
		"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
		"00-0af7651916cd43dd8448eb211c80319cb-7ad6b7169203331-01",
	};

	cr_expect(traceparent_valid(good));
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_not(traceparent_valid(bad[i]), "%s", bad[i]);
}
