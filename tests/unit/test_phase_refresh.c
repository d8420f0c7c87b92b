/* A new token for a cluster that runs, through its own API. */
#include "phase_harness.h"

#include <string.h>

static struct trial t;

static void set_up(void)
{
	trial_begin(&t, GOAL_REFRESH, "hcloud_secret", 0);
	trial_recorded_ground(&t);
	t.facts.run = 4;
}

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_refresh, .init = set_up, .fini = tear_down);

#define SYSTEM "namespaces/kube-system/"
#define SECRET                                                                 \
	"PATCH /api/v1/" SYSTEM                                                \
	"secrets/hcloud?fieldManager=mengi-byoc&force=true"
#define CONTROLLER                                                             \
	"PATCH /apis/apps/v1/" SYSTEM                                          \
	"deployments/hcloud-cloud-controller-manager"
#define DRIVER "PATCH /apis/apps/v1/" SYSTEM "deployments/hcloud-csi-controller"
#define RESTART                                                                \
	"{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{"             \
	"\"mengi.cloud/refreshed-by-run\":\"4\"}}}}}"
#define STATUS(message)                                                        \
	"{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"" message   \
	"\"}"

static const struct secret *manifest(void)
{
	return &t.ask.request.manifest;
}

Test(phase_refresh, replaces_the_secret_and_restarts_its_readers)
{
	asks(&t, SECRET);
	cr_assert_str_eq(t.ask.request.server, "https://203.0.113.7:6443");
	cr_assert(memmem(manifest()->bytes, manifest()->size,
		"token: \"" TEST_TOKEN "\"", strlen(TEST_TOKEN) + 9));
	cr_assert(memmem(manifest()->bytes, manifest()->size, "kind: Secret",
		strlen("kind: Secret")));
	takes(&t, 200, "{}", "next");
	asks(&t, CONTROLLER);
	sends(&t, RESTART);
	takes(&t, 200, "{}", "next");
	asks(&t, DRIVER);
	sends(&t, RESTART);
	takes(&t, 200, "{}", "next");
	asks(&t, "done");
}

Test(phase_refresh, does_not_miss_a_reader_that_was_removed)
{
	trial_ask(&t);
	takes(&t, 201, "{}", "next");
	asks(&t, CONTROLLER);
	takes(&t, 404, STATUS("not found"), "next");
	asks(&t, DRIVER);
	takes(&t, 404, STATUS("not found"), "next");
	asks(&t, "done");
}

/* What the cluster answers says nothing about the token at Hetzner. */
Test(phase_refresh, is_tried_again_whatever_goes_wrong)
{
	static const int statuses[] = {301, 400, 401, 403, 404, 409, 422};

	for (size_t i = 0; i < COUNT(statuses); i++) {
		asks(&t, SECRET);
		takes(&t, statuses[i], STATUS("is forbidden"),
			"failed retry cluster_refused");
		says(&t, "is forbidden");
		trial_lease_again(&t);
	}
	trial_ask(&t);
	takes(&t, 503, "<html>", "failed retry http_503");
	says(&t, "Asking the cluster: HTTP status 503");
	trial_lease_again(&t);
	trial_ask(&t);
	cr_assert_str_eq(trial_take_lost(&t), "failed retry api_unreachable");
	trial_lease_again(&t);
	trial_ask(&t);
	takes(&t, 429, STATUS("too many"), "wait 5000");
}

Test(phase_refresh, never_gives_up)
{
	struct err err = {0};

	err_set(&err, ERR_RETRY, "cluster_refused", "x");
	cr_assert_eq(phase_retry_ms(GOAL_REFRESH, &err, 10000), 60000);
}

Test(phase_refresh, begins_anew_with_each_lease)
{
	trial_ask(&t);
	takes(&t, 200, "{}", "next");
	trial_ask(&t);
	cr_assert_str_eq(trial_take_lost(&t), "failed retry api_unreachable");
	trial_lease_again(&t);
	asks(&t, SECRET);
}

Test(phase_refresh, needs_an_address)
{
	facts_remove(&t.facts, "load_balancer", 0);
	asks(&t, "failed bug not_recorded");
}
