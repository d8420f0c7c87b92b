/* Messages into jobs: what is taken, and why the rest is not. */
#include <byoc/model.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID "7d1f8c1e-0c7b-4b39-9a5e-0a3f6f0f8f11"
#define SUBJECT "0b9c7e1a-58a4-4c9e-8f6e-1c5b9f0a7d22"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define PHASE                                                                  \
	"{\"id\":\"" ID                                                        \
	"\",\"type\":\"cluster.phase\",\"cluster_id\":\"" SUBJECT "\","

#define KUBECONFIG                                                             \
	"{\"id\":\"" ID                                                        \
	"\",\"type\":\"cluster.kubeconfig\",\"cluster_id\":\"" SUBJECT "\","

static struct job job;
static struct err err;

static void expect_job(const char *body)
{
	cr_assert(job_decode(body, strlen(body), &job, &err), "%s", err.text);
	cr_expect_str_eq(job.id, ID);
	cr_expect_str_eq(job.subject, SUBJECT);
}

Test(job, is_read_whole)
{
	expect_job(PHASE "\"run\":3,\"phase\":\"control_plane\",\"index\":2,"
			 "\"traceparent\":\"" TRACE "\"}");
	cr_expect_eq(job.type, JOB_CLUSTER_PHASE);
	cr_expect_eq(job.run, 3);
	cr_expect_str_eq(job.phase, "control_plane");
	cr_expect_eq(job.index, 2);
	cr_expect_str_eq(job.traceparent, TRACE);
}

Test(job, of_a_credential_names_the_credential)
{
	expect_job("{\"id\":\"" ID "\",\"type\":\"credential.validate\","
		   "\"credential_id\":\"" SUBJECT "\"}");
	cr_expect_eq(job.type, JOB_CREDENTIAL_VALIDATE);
	cr_expect_str_eq(job.traceparent, "");
}

Test(job, may_have_more_keys_and_upper_case_ids)
{
	expect_job("{\"type\":\"cluster.provision\",\"more\":[1,{}],"
		   "\"id\":\"7D1F8C1E-0C7B-4B39-9A5E-0A3F6F0F8F11\","
		   "\"cluster_id\":\"" SUBJECT "\"}");
	cr_expect_eq(job.type, JOB_CLUSTER_PROVISION);
}

Test(job, is_taken_without_a_traceparent_that_makes_no_sense)
{
	expect_job("{\"id\":\"" ID "\",\"type\":\"cluster.teardown\","
		   "\"cluster_id\":\"" SUBJECT "\",\"traceparent\":\"no\"}");
	cr_expect_str_eq(job.traceparent, "");
}

Test(job, for_a_kubeconfig_may_have_a_lifetime)
{
	expect_job(KUBECONFIG "\"lifetime_s\":3600}");
	cr_expect_eq(job.type, JOB_CLUSTER_KUBECONFIG);
	cr_expect_eq(job.lifetime_s, 3600);
	/* One that is not allowed is told by the answer. */
	expect_job(KUBECONFIG "\"lifetime_s\":-1}");
	cr_expect_eq(job.lifetime_s, -1);
	expect_job(KUBECONFIG "\"traceparent\":null}");
	cr_expect_eq(job.lifetime_s, 8 * 60 * 60);
}

Test(job, for_a_kubeconfig_cannot_choose_a_key)
{
	expect_job(KUBECONFIG "\"public_key\":\"mine\"}");
}

static const struct {
	const char *body;
	const char *code;
} bad[] = {
	{"", "bad_json"},
	{"null", "bad_job"},
	{"[]", "bad_json"},
	{"\"cluster.provision\"", "bad_json"},
	{"{}", "bad_json"},
	{"{\"type\":7}", "bad_json"},
	{"{\"type\":\"cluster.explode\"}", "unknown_type"},
	{"{\"type\":\"development\",\"id\":\"" ID "\"}", "unknown_type"},
	{"{\"type\":\"cluster.provision\"}", "bad_json"},
	{"{\"type\":\"cluster.provision\",\"id\":\"7\",\"cluster_id\":\"" SUBJECT
	 "\"}",
		"bad_job"},
	{"{\"type\":\"cluster.provision\",\"id\":\"" ID "\"}", "bad_json"},
	{"{\"type\":\"cluster.provision\",\"id\":\"" ID
	 "\",\"cluster_id\":\"" SUBJECT "0\"}",
		"bad_json"},
	{"{\"type\":\"cluster.provision\",\"id\":\"" ID
	 "\",\"credential_id\":\"" SUBJECT "\"}",
		"bad_json"},
	{PHASE "\"phase\":\"network\"}", "bad_json"},
	{PHASE "\"run\":0,\"phase\":\"network\"}", "bad_job"},
	{PHASE "\"run\":1,\"phase\":\"network\",\"index\":-1}", "bad_job"},
	{PHASE "\"run\":\"1\",\"phase\":\"network\"}", "bad_json"},
	{KUBECONFIG "\"lifetime_s\":\"1h\"}", "bad_json"},
	{PHASE "\"run\":1,\"phase\":\"a_name_of_more_than_31_letters__\"}",
		"bad_json"},
};

Test(job, is_refused_when_it_makes_no_sense)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err why = {0};
		const char *body = bad[i].body;
		cr_expect_not(
			job_decode(body, strlen(body), &job, &why), "%s", body);
		cr_expect_eq(why.kind, ERR_BAD_INPUT, "%s", body);
		cr_expect_str_eq(why.code, bad[i].code, "%s: %s: %s", body,
			why.code, why.text);
	}
}

Test(job, is_refused_when_it_is_too_large)
{
	size_t size = JOB_SIZE_MAX + 1;
	char *body = malloc(size);

	memset(body, ' ', size);
	cr_assert_not(job_decode(body, size, &job, &err));
	cr_assert_str_eq(err.code, "oversized");
	free(body);
}
