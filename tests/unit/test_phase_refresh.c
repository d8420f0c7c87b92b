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

#define ROLLOUT(name) "GET /apis/apps/v1/" SYSTEM "deployments/hcloud-" name
#define ROLLED_OUT                                                             \
	"{\"metadata\":{\"generation\":2},\"spec\":{\"replicas\":1},"          \
	"\"status\":{\"observedGeneration\":2,\"updatedReplicas\":1,"          \
	"\"availableReplicas\":1}}"
/* The new pod is there and finds no place. */
#define HALF_WAY                                                               \
	"{\"metadata\":{\"generation\":2},\"spec\":{\"replicas\":1},"          \
	"\"status\":{\"observedGeneration\":2,\"updatedReplicas\":1,"          \
	"\"availableReplicas\":0}}"

/* Both run again. */
static void roll_out(void)
{
	asks(&t, ROLLOUT("cloud-controller-manager"));
	takes(&t, 200, ROLLED_OUT, "next");
	asks(&t, ROLLOUT("csi-controller"));
	takes(&t, 200, ROLLED_OUT, "next");
	asks(&t, "done");
}

static void restart(void)
{
	for (int i = 0; i < 3; i++) {
		trial_ask(&t);
		takes(&t, 200, "{}", "next");
	}
}

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
	roll_out();
}

Test(phase_refresh, does_not_miss_a_reader_that_was_removed)
{
	trial_ask(&t);
	takes(&t, 201, "{}", "next");
	asks(&t, CONTROLLER);
	takes(&t, 404, STATUS("not found"), "next");
	asks(&t, DRIVER);
	takes(&t, 404, STATUS("not found"), "next");
	asks(&t, ROLLOUT("cloud-controller-manager"));
	takes(&t, 404, STATUS("not found"), "next");
	asks(&t, ROLLOUT("csi-controller"));
	takes(&t, 404, STATUS("not found"), "next");
	asks(&t, "done");
}

/* What the cluster answers says nothing about the token at Hetzner. */
Test(phase_refresh, is_tried_again_whatever_goes_wrong)
{
	static const int statuses[] = {400, 401, 403, 404, 409, 422};

	for (size_t i = 0; i < COUNT(statuses); i++) {
		asks(&t, SECRET);
		takes(&t, statuses[i], STATUS("is forbidden"),
			"failed retry cluster_refused");
		says(&t, "HTTP status 4");
		cr_assert_not(strstr(t.err.text, "is forbidden"),
			"a cluster's words are its owner's");
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
	takes(&t, 429, STATUS("too many"), "failed retry cluster_refused");
}

/* It goes on running with the token that it has; an operator is told. */
Test(phase_refresh, gives_up_after_a_day)
{
	t.facts.age_ms = 24 * 60 * 60 * 1000 - 1;
	trial_ask(&t);
	cr_assert_str_eq(trial_take_lost(&t), "failed retry api_unreachable");
	trial_lease_again(&t);
	t.facts.age_ms++;
	trial_ask(&t);
	cr_assert_str_eq(
		trial_take_lost(&t), "failed refused cluster_unreachable");
	says(&t, "for a day (connection refused)");
	says(&t, "store the token again");
	trial_lease_again(&t);
	trial_ask(&t);
	takes(&t, 200, "{}", "next");
	asks(&t, CONTROLLER);
	takes(&t, 403, STATUS("is forbidden"),
		"failed refused cluster_unreachable");
}

/* A cluster's silence is no outage of Hetzner, and its API makes nothing. */
Test(phase_refresh, is_no_matter_of_hetzners)
{
	trial_ask(&t);
	trial_take_lost(&t);
	cr_assert_not(t.facts.outage);
	cr_assert_not(t.facts.unanswered);
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

Test(phase_refresh, is_done_when_what_was_restarted_runs)
{
	restart();
	asks(&t, ROLLOUT("cloud-controller-manager"));
	takes(&t, 200, HALF_WAY, "wait 500");
	cr_assert(strstr(t.facts.waiting,
		"waiting for kube-system/hcloud-cloud-controller-manager"));
	trial_lease_again(&t);
	asks(&t, SECRET);
	t.facts.age_ms = 10 * 60 * 1000;
	restart();
	trial_ask(&t);
	takes(&t, 503, "", "wait 60000");
	trial_lease_again(&t);
	restart();
	roll_out();
}

Test(phase_refresh, tells_who_does_not_start_with_the_new_token)
{
	restart();
	asks(&t, ROLLOUT("cloud-controller-manager"));
	takes(&t, 200, ROLLED_OUT, "next");
	t.facts.age_ms = 24 * 60 * 60 * 1000;
	asks(&t, ROLLOUT("csi-controller"));
	takes(&t, 200, HALF_WAY, "failed refused not_rolled_out");
	says(&t, "kube-system/hcloud-csi-controller");
}
