/* Every table of words is complete, and each word leads back to its value. */
#include <byoc/model.h>

#include <criterion/criterion.h>
#include <string.h>

static const struct {
	const struct words *words;
	int count;
} tables[] = {
	{&location_words, LOCATION_COUNT},
	{&cluster_type_words, CLUSTER_TYPE_COUNT},
	{&pod_security_words, POD_SECURITY_COUNT},
	{&ingress_words, INGRESS_COUNT},
	{&cluster_status_words, CLUSTER_STATUS_COUNT},
	{&credential_status_words, CREDENTIAL_STATUS_COUNT},
	{&goal_words, GOAL_COUNT},
	{&resource_kind_words, RESOURCE_KIND_COUNT},
	{&job_type_words, JOB_TYPE_COUNT},
};

Test(model_words, lead_to_their_value_and_back)
{
	for (size_t t = 0; t < COUNT(tables); t++) {
		const struct words *words = tables[t].words;
		cr_expect_eq(words->count, tables[t].count, "%s", words->what);
		for (int i = 0; i < words->count; i++) {
			cr_assert(words->text[i], "%s %d", words->what, i);
			cr_expect_eq(words_find(words, words->text[i]), i,
				"%s: %s", words->what, words->text[i]);
		}
	}
}

Test(model_words, are_those_of_the_contract)
{
	cr_expect_eq(words_find(&cluster_type_words, "dedicated_ha"),
		CLUSTER_DEDICATED_HA);
	cr_expect_eq(words_find(&cluster_type_words, "development"), -1);
	cr_expect_eq(words_find(&credential_status_words, "pending_validation"),
		CREDENTIAL_PENDING_VALIDATION);
	cr_expect_eq(words_find(&job_type_words, "cluster.provision"),
		JOB_CLUSTER_PROVISION);
}

Test(model_words, every_location_is_in_a_zone)
{
	for (int i = 0; i < LOCATION_COUNT; i++)
		cr_expect(location_zone((enum location)i));
	cr_expect_str_eq(location_zone(LOCATION_HEL1), "eu-central");
	cr_expect_str_eq(location_zone(LOCATION_SIN), "ap-southeast");
}

Test(model_words, a_type_says_how_many_control_planes)
{
	cr_expect_eq(cluster_type_control_planes(CLUSTER_DEDICATED), 1);
	cr_expect_eq(cluster_type_control_planes(CLUSTER_DEDICATED_HA), 3);
}
