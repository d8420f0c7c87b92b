/*
 * Every way an answer can go wrong, at every step of every phase: none may
 * hang, loop, crash or be taken for success.
 */
#include "phase_harness.h"

#include <stdlib.h>
#include <string.h>

static struct trial t;

#define OUR_NETWORK "{\"id\":2," OUR_LABEL ",\"load_balancers\":[77]}"

#define MORE "\"meta\":{\"pagination\":{\"next_page\":2}}"

/* What brings each step about; NULL bodies: the step before is skipped. */
static const struct situation {
	enum goal goal;
	const char *phase;
	const char *step;
	int lease_count;
	const char *before[3]; /* answers that lead to the step */
} situations[] = {
	{GOAL_PROVISION, "prepare", "server_type", 1, {NULL}},
	{GOAL_PROVISION, "ssh_key", "create", 1, {NULL}},
	{GOAL_PROVISION, "ssh_key", "find", 2, {NULL}},
	{GOAL_PROVISION, "network", "create", 1, {NULL}},
	{GOAL_PROVISION, "network", "find", 2, {NULL}},
	{GOAL_PROVISION, "network", "claim", 1,
		{"409" ERROR("uniqueness_error")}},
	{GOAL_PROVISION, "network", "discard", 2,
		{"200{\"networks\":[{\"id\":1},{\"id\":2}]}"}},
	{GOAL_PROVISION, "firewall", "create", 1, {NULL}},
	{GOAL_PROVISION, "placement_group", "create", 1, {NULL}},
	{GOAL_PROVISION, "load_balancer", "create", 1, {NULL}},
	{GOAL_PROVISION, "load_balancer", "address", 1,
		{"201{\"load_balancer\":{\"id\":4}}"}},
	{GOAL_PROVISION, "gateway_address", "create", 1, {NULL}},
	{GOAL_PROVISION, "nat_gateway", "create", 1, {NULL}},
	{GOAL_PROVISION, "nat_gateway", "attach", 1,
		{"201{\"server\":{\"id\":42}}"}},
	{GOAL_PROVISION, "nat_gateway", "recall", 2,
		{"200{\"servers\":[{\"id\":42}]}"}},
	{GOAL_PROVISION, "nat_gateway", "await", 2,
		{"200{\"servers\":[{\"id\":42}]}", "200{\"actions\":[]}"}},
	{GOAL_PROVISION, "control_plane", "create", 1, {NULL}},
	{GOAL_PROVISION, "control_plane", "find", 2, {NULL}},
	{GOAL_PROVISION, "worker", "create", 1, {NULL}},
	{GOAL_PROVISION, "ready", "health", 1, {NULL}},
	{GOAL_PROVISION, "ready", "addresses", 1,
		{"200{\"load_balancer\":{\"id\":4,\"targets\":[{"
		 "\"targets\":[{\"health_status\":[{\"listen_port\":"
		 "6443,\"status\":\"healthy\"}]}]}]}}"}},
	{GOAL_TEARDOWN, "load_balancers", "glance", 1, {NULL}},
	{GOAL_TEARDOWN, "load_balancers", "survey", 1,
		{"200{\"servers\":[]," MORE "}"}},
	{GOAL_TEARDOWN, "load_balancers", "fronts", 1,
		{"200{\"servers\":[{\"id\":42," OUR_LABEL
		 ",\"load_balancers\":[77]}]}"}},
	{GOAL_TEARDOWN, "networks", "learn", 1, {NULL}},
	{GOAL_TEARDOWN, "networks", "strangers", 1,
		{"200{\"networks\":[" OUR_NETWORK "]}",
			"200{\"load_balancers\":[]}"}},
	{GOAL_TEARDOWN, "servers", "erase", 1, {NULL}},
	{GOAL_TEARDOWN, "volumes", "list", 1, {NULL}},
	{GOAL_TEARDOWN, "firewalls", "erase", 1, {NULL}},
	{GOAL_TEARDOWN, "networks", "erase", 1, {"200" BARE_NETWORK}},
	{GOAL_TEARDOWN, "sweep", "glance", 1, {NULL}},
	{GOAL_SWEEP, "sweep", "glance", 1, {NULL}},
	{GOAL_SURVEY, "survey", "learn", 1, {NULL}},
	{GOAL_SURVEY, "survey", "survey", 1, {"200" BARE_NETWORK}},
	{GOAL_SURVEY, "survey", "list", 1,
		{"200" BARE_NETWORK, "200{\"servers\":[]}"}},
	{GOAL_PROVISION, "credential", "write", 1, {NULL}},
	{GOAL_PROVISION, "credential", "clean", 1,
		{"201{\"ssh_key\":{\"id\":1}}"}},
};

static void record_for(const struct situation *s)
{
	static const char *const own[] = {"ssh_key", "network", "firewall",
		"placement_group", "load_balancer", "gateway_address"};

	trial_recorded_ground(&t);
	for (size_t i = 0; i < COUNT(own); i++)
		if (strcmp(s->phase, own[i]) == 0)
			facts_remove(&t.facts, own[i], 0);
	if (strcmp(s->phase, "ready") == 0)
		trial_recorded(&t, RESOURCE_SERVER, "control_plane", 0, 42);
	if (s->goal == GOAL_SWEEP)
		t.facts.resource_count = 0;
	if (s->goal == GOAL_TEARDOWN)
		trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 42);
}

/* Leads the phase to the step and asks its question. */
static void lead_to(const struct situation *s)
{
	trial_begin(&t, s->goal, s->phase, 0);
	t.facts.lease_count = s->lease_count;
	if (strcmp(s->phase, "prepare") == 0)
		t.facts.cluster.gateway_type[0] = '\0';
	record_for(s);
	for (size_t i = 0; i < COUNT(s->before) && s->before[i]; i++) {
		trial_ask(&t);
		takes(&t,
			atoi((char[]){s->before[i][0], s->before[i][1],
				s->before[i][2], 0}),
			s->before[i] + 3, "next");
	}
	if (strcmp(s->step, "await") == 0) {
		struct resource *own = facts_resource(&t.facts, s->phase, 0);
		own->actions[0] = 1;
		own->action_count = 1;
	}
	const char *question = trial_ask(&t);
	/* Of questions beside each other, it is the last that is tried. */
	for (size_t i = t.ask.more_count; i; i--) {
		takes(&t, 200, trial_nothing(&t, question), "next");
		question = trial_ask(&t);
	}
	cr_assert_not_null(t.facts.memory.asked, "%s/%s", s->phase, s->step);
	cr_assert_str_eq(t.facts.memory.asked->name, s->step, "%s %s: %s",
		s->phase, s->step, t.facts.memory.asked->name);
}

/* The same at every step. */
static const struct {
	int status;
	const char *body, *verdict;
} alike[] = {
	{401, ERROR("unauthorized"), "failed credential unknown_token"},
	{403, ERROR("token_readonly"), "failed credential read_only_token"},
	{429, ERROR("rate_limit_exceeded"), "wait 5000"},
	{500, ERROR("server_error"), "failed retry server_error"},
	{502, "<html>", "failed retry http_502"},
	{503, ERROR("maintenance"), "failed retry maintenance"},
	{504, "", "failed retry http_504"},
	{401, "<html>", "failed retry http_401"},
	{403, "<html>", "failed retry http_403"},
	{404, "<html>", "failed retry http_404"},
	{413, "", "failed retry http_413"},
	{200, "{\"x\":", "failed retry bad_answer"},
};

Test(phase_errors, that_are_treated_alike_everywhere)
{
	for (size_t i = 0; i < COUNT(situations); i++)
		for (size_t j = 0; j < COUNT(alike); j++) {
			lead_to(&situations[i]);
			const char *verdict =
				trial_take(&t, alike[j].status, alike[j].body);
			cr_assert_str_eq(verdict, alike[j].verdict,
				"%s/%s on %d: %s", situations[i].phase,
				situations[i].step, alike[j].status, verdict);
			trial_end(&t);
		}
}

Test(phase_errors, no_answer_is_tried_again_everywhere)
{
	for (size_t i = 0; i < COUNT(situations); i++) {
		lead_to(&situations[i]);
		cr_assert_str_eq(
			trial_take_lost(&t), "failed retry api_unreachable");
		cr_assert(t.facts.outage);
		trial_end(&t);
	}
}

/* Something may come of it yet, when nobody looks any more. */
static bool may_come_late(const struct situation *s)
{
	return strcmp(s->step, "create") == 0 || strcmp(s->step, "attach") == 0;
}

Test(phase_errors, what_may_come_late_is_told)
{
	static const struct {
		int status;
		const char *body;
	} gateways[] = {{502, "<html>"}, {504, ""}, {403, "<html>"},
		{500, ERROR("server_error")}};

	for (size_t i = 0; i < COUNT(situations); i++) {
		const struct situation *s = &situations[i];
		lead_to(s);
		trial_take_lost(&t);
		cr_assert_eq(t.facts.unanswered, may_come_late(s), "%s/%s",
			s->phase, s->step);
		trial_end(&t);
		for (size_t j = 0; j < COUNT(gateways); j++) {
			lead_to(s);
			trial_take(&t, gateways[j].status, gateways[j].body);
			cr_assert_eq(t.facts.unanswered, may_come_late(s),
				"%s/%s on %d", s->phase, s->step,
				gateways[j].status);
			trial_end(&t);
		}
	}
}

Test(phase_errors, what_is_answered_does_not_come_late)
{
	for (size_t i = 0; i < COUNT(situations); i++) {
		lead_to(&situations[i]);
		trial_take(&t, 422, ERROR("invalid_input"));
		cr_assert_not(t.facts.unanswered);
		cr_assert_not(t.facts.outage);
		trial_end(&t);
	}
}

/* What each step has to decide; but no failure is without a code, a sentence
 * and an end. */
static const struct {
	int status;
	const char *body;
} others[] = {
	{403, ERROR("forbidden")},
	{404, ERROR("not_found")},
	{409, ERROR("uniqueness_error")},
	{409, ERROR("conflict")},
	{423, ERROR("locked")},
	{422, ERROR("resource_in_use")},
	{422, ERROR("invalid_input")},
	{400, ERROR("json_error")},
	{403, ERROR("protected")},
	{403, ERROR("resource_limit_exceeded")},
	{412, ERROR("resource_unavailable")},
	{422, ERROR("placement_error")},
	{422, ERROR("server_already_attached")},
	{422, ERROR("ip_not_available")},
	{410, ERROR("deprecated_api_endpoint")},
	{418, ERROR("teapot")},
	{301, ""},
	{200, "{}"},
	{200, "[]"},
	{204, ""},
};

static void expect_sense(const struct situation *s, size_t j)
{
	const char *question = arena_format(t.facts.arena, "%s %s",
		method_word(t.ask.request.method),
		t.ask.request.path ? t.ask.request.path : "");
	const char *verdict = trial_take(&t, others[j].status, others[j].body);
	const char *where = arena_format(t.facts.arena, "%s/%s on %d %s: %s",
		s->phase, s->step, others[j].status, others[j].body, verdict);

	if (strncmp(verdict, "failed", 6) == 0) {
		cr_assert_neq(t.err.kind, ERR_NONE, "%s", where);
		cr_assert(t.err.code[0], "%s", where);
		cr_assert_gt(strlen(t.err.text), 10, "%s", where);
		return;
	}
	cr_assert_eq(t.err.kind, ERR_NONE, "%s", where);
	if (strncmp(verdict, "wait", 4) == 0)
		return;
	/* Gone on: then the next question must be another, or none. */
	cr_assert_str_neq(trial_ask(&t), question, "%s loops", where);
}

Test(phase_errors, none_hangs_or_is_without_a_word)
{
	for (size_t i = 0; i < COUNT(situations); i++)
		for (size_t j = 0; j < COUNT(others); j++) {
			lead_to(&situations[i]);
			expect_sense(&situations[i], j);
			trial_end(&t);
		}
}

/* A failure must never look like a resource, nor like an empty list. */
Test(phase_errors, none_is_taken_for_success)
{
	for (size_t i = 0; i < COUNT(situations); i++)
		for (size_t j = 0; j < COUNT(others); j++) {
			const struct situation *s = &situations[i];
			if (strcmp(s->step, "create") == 0 ||
				strcmp(s->step, "find") == 0 ||
				strcmp(s->step, "recall") == 0 ||
				strcmp(s->step, "claim") == 0) {
				lead_to(s);
				trial_take(
					&t, others[j].status, others[j].body);
				cr_assert_null(
					facts_recorded(&t.facts, s->phase, 0));
				trial_end(&t);
			}
			if (strcmp(s->step, "list") == 0 ||
				strcmp(s->step, "fronts") == 0 ||
				strcmp(s->step, "survey") == 0 ||
				strcmp(s->step, "learn") == 0) {
				lead_to(s);
				const char *verdict = trial_take(
					&t, others[j].status, others[j].body);
				cr_assert_str_neq(verdict, "next", "%s/%s %d",
					s->phase, s->step, others[j].status);
				trial_end(&t);
			}
		}
}

Test(phase_errors, of_creating_say_what_to_do)
{
	static const char *const phases[] = {
		"network", "nat_gateway", "load_balancer", "worker"};
	static const struct {
		int status;
		const char *body, *verdict, *text;
	} cases[] = {
		{403, ERROR("resource_limit_exceeded"),
			"failed refused resource_limit_exceeded",
			"raise it in the Hetzner Console"},
		{403, ERROR("forbidden"), "failed refused forbidden",
			"Hetzner Console"},
		{404, ERROR("not_found"), "failed retry resource_gone",
			"Delete this cluster and create it again."},
		{412, ERROR("resource_unavailable"),
			"failed retry resource_unavailable",
			"choose another location or server type"},
		{422, ERROR("placement_error"), "failed retry placement_error",
			"choose another location or server type"},
		{422,
			"{\"error\":{\"code\":\"invalid_input\",\"message\":"
			"\"invalid input\",\"details\":{\"fields\":[{\"name\":"
			"\"image\",\"messages\":[\"not found\"]}]}}}",
			"failed refused invalid_input", "(image: not found)"},
	};

	for (size_t i = 0; i < COUNT(phases); i++)
		for (size_t j = 0; j < COUNT(cases); j++) {
			struct situation s = {
				GOAL_PROVISION, phases[i], "create", 1, {NULL}};
			lead_to(&s);
			takes(&t, cases[j].status, cases[j].body,
				cases[j].verdict);
			says(&t, cases[j].text);
			says(&t, "Creating the ");
			trial_end(&t);
		}
}
