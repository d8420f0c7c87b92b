/* The plans prove well-formed, and the README shows what they are. */
#include <byoc/phase.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_steps(const struct phase *phase)
{
	size_t count = 0;

	for (const struct step *step = phase->steps; step->name; step++) {
		cr_assert(step->met && step->ask, "%s/%s", phase->name,
			step->name);
		count++;
	}
	cr_assert_gt(count, 0, "%s has no steps", phase->name);
}

static void check_plan(enum goal goal)
{
	size_t count;
	const struct phase *phases = plan_phases(goal, &count);
	unsigned before = 0;

	cr_assert_gt(count, 0);
	cr_assert_lt(count, 32);
	for (size_t i = 0; i < count; i++) {
		const struct phase *phase = &phases[i];
		cr_assert_not_null(phase->name);
		cr_assert_lt(strlen(phase->name), PHASE_NAME_SIZE - 4);
		cr_assert_eq(plan_find(goal, phase->name), phase,
			"%s is there twice", phase->name);
		check_steps(phase);
		/* Only what stands before it: so there is no cycle, every bit
		 * is in range, and each phase can be reached. */
		cr_assert_eq(phase->needs & ~before, 0,
			"%s needs what comes later", phase->name);
		cr_assert(phase->needs || i == 0 || phase->halts,
			"%s needs nothing", phase->name);
		before |= PHASE_BIT(i);
	}
}

Test(plan, of_provisioning_is_well_formed)
{
	check_plan(GOAL_PROVISION);
}

Test(plan, of_teardown_is_well_formed)
{
	check_plan(GOAL_TEARDOWN);
}

Test(plan, of_a_refresh_is_well_formed)
{
	check_plan(GOAL_REFRESH);
	check_plan(GOAL_REPAIR);
}

Test(plan, of_a_later_sweep_is_well_formed)
{
	check_plan(GOAL_SWEEP);
}

Test(plan, of_a_survey_is_well_formed)
{
	check_plan(GOAL_SURVEY);
}

/* A new phase has to be needed by a later one, in the end by the last. */
Test(plan, ends_in_one_phase_that_waits_for_all)
{
	for (int goal = 0; goal < GOAL_COUNT; goal++) {
		size_t count;
		const struct phase *phases =
			plan_phases((enum goal)goal, &count);
		unsigned reached = PHASE_BIT(count - 1);
		for (size_t i = count; i-- > 0;) {
			cr_assert(reached & PHASE_BIT(i),
				"%s: the plan ends without %s, for no later "
				"phase needs it (see src/phase/plan.c)",
				words_text(&goal_words, goal), phases[i].name);
			reached |= phases[i].needs;
		}
	}
}

Test(plan, the_sweep_comes_after_everything)
{
	const struct phase *sweep = plan_find(GOAL_TEARDOWN, "sweep");
	size_t count;

	plan_phases(GOAL_TEARDOWN, &count);
	cr_assert_eq(sweep->needs, PHASE_BIT(count - 1) - 1);
}

Test(plan, does_not_know_every_name)
{
	cr_assert_null(plan_find(GOAL_PROVISION, "sweep"));
	cr_assert_null(plan_find(GOAL_TEARDOWN, "network"));
	cr_assert_null(plan_find(GOAL_PROVISION, ""));
}

Test(plan, a_phase_that_makes_something_can_describe_it)
{
	size_t count;
	const struct phase *phases = plan_phases(GOAL_PROVISION, &count);

	for (size_t i = 0; i < count; i++)
		for (const struct step *s = phases[i].steps; s->name; s++)
			if (strcmp(s->name, "create") == 0) {
				cr_assert(phases[i].describe);
				cr_assert_lt(
					phases[i].kind, RESOURCE_KIND_COUNT);
			}
}

static int instances(const struct cluster *cluster, const char *name)
{
	return plan_instances(plan_find(GOAL_PROVISION, name), cluster);
}

Test(plan, knows_how_many_there_are)
{
	const struct cluster one = {.type = CLUSTER_DEDICATED, .workers = 0};
	const struct cluster ha = {.type = CLUSTER_DEDICATED_HA, .workers = 4};

	cr_assert_eq(instances(&one, "network"), 1);
	cr_assert_eq(instances(&one, "placement_group"), 0);
	cr_assert_eq(instances(&one, "control_plane"), 1);
	cr_assert_eq(instances(&one, "worker"), 0);
	cr_assert_eq(instances(&ha, "placement_group"), 1);
	cr_assert_eq(instances(&ha, "control_plane"), 3);
	cr_assert_eq(instances(&ha, "worker"), 4);
	cr_assert_eq(instances(&ha, "ready"), 1);
}

static struct err error_of(enum err_kind kind, const char *code)
{
	struct err err = {0};

	err_set(&err, kind, code, "x");
	return err;
}

/* After how long the n-th failure of its kind is tried again. */
static int retry_ms(enum goal goal, const char *code, int nth)
{
	const struct facts facts = {.failures = nth - 1};
	struct err err = error_of(ERR_RETRY, code);

	return phase_retry_ms(goal, &facts, &err);
}

Test(plan, tries_again_ever_more_slowly)
{
	static const int waits[] = {500, 1000, 2000, 5000, 15000, 60000, 60000};

	for (int i = 0; i < (int)COUNT(waits); i++)
		cr_assert_eq(retry_ms(GOAL_PROVISION, "bad_answer", i + 1),
			waits[i]);
	cr_assert_eq(retry_ms(GOAL_PROVISION, "bad_answer", 19), 60000);
	cr_assert_eq(retry_ms(GOAL_PROVISION, "bad_answer", 20), -1);
}

Test(plan, gives_up_sooner_on_what_is_sold_out_or_gone)
{
	cr_assert_eq(
		retry_ms(GOAL_PROVISION, "resource_unavailable", 9), 60000);
	cr_assert_eq(retry_ms(GOAL_PROVISION, "resource_unavailable", 10), -1);
	cr_assert_eq(retry_ms(GOAL_PROVISION, "placement_error", 10), -1);
	cr_assert_eq(retry_ms(GOAL_PROVISION, "resource_gone", 4), 5000);
	cr_assert_eq(retry_ms(GOAL_PROVISION, "resource_gone", 5), -1);
}

/* Six hours at least, and what failed otherwise before does not count. */
Test(plan, sits_an_outage_out)
{
	struct facts facts = {.outage = true, .failures = 19};
	struct err err = error_of(ERR_RETRY, "api_unreachable");
	int64_t waited_ms = 0;

	for (int ms; (ms = phase_retry_ms(GOAL_PROVISION, &facts, &err)) >= 0;
		facts.outages++) {
		cr_assert_leq(ms, 60000);
		waited_ms += ms;
	}
	cr_assert_geq(waited_ms, 6 * 60 * 60 * 1000);
	cr_assert_leq(waited_ms, 8 * 60 * 60 * 1000);
	/* Nor does the outage count against what fails after it. */
	facts.outage = false;
	facts.failures = 0;
	cr_assert_eq(phase_retry_ms(GOAL_PROVISION, &facts, &err), 500);
}

Test(plan, never_gives_up_a_teardown_a_sweep_or_a_validation)
{
	cr_assert_eq(retry_ms(GOAL_TEARDOWN, "still_busy", 1000000), 60000);
	cr_assert_eq(retry_ms(GOAL_SWEEP, "still_busy", 1000000), 60000);
	cr_assert_eq(retry_ms(GOAL_COUNT, "no_verdict", 1000000), 60000);
}

Test(plan, comes_back_to_a_silent_cluster_ever_more_rarely)
{
	cr_assert_eq(retry_ms(GOAL_REFRESH, "api_unreachable", 6), 60000);
	cr_assert_eq(retry_ms(GOAL_REFRESH, "api_unreachable", 7), 300000);
	cr_assert_eq(retry_ms(GOAL_REFRESH, "api_unreachable", 8), 900000);
	cr_assert_eq(retry_ms(GOAL_REFRESH, "api_unreachable", 9), 3600000);
	cr_assert_eq(retry_ms(GOAL_REFRESH, "cluster_refused", 99), 3600000);
}

Test(plan, does_not_retry_what_will_not_pass)
{
	static const enum err_kind kinds[] = {
		ERR_REFUSED, ERR_CREDENTIAL, ERR_BAD_INPUT, ERR_BUG};
	const struct facts facts = {0};

	for (size_t i = 0; i < COUNT(kinds); i++)
		for (int goal = 0; goal <= GOAL_COUNT; goal++) {
			struct err err = error_of(kinds[i], "x");
			cr_assert_eq(
				phase_retry_ms((enum goal)goal, &facts, &err),
				-1);
		}
}

/* Only the nearest needs: what they need in turn goes without saying. */
static unsigned nearest_needs(const struct phase *phases, size_t i)
{
	unsigned far = 0, needs = phases[i].needs;

	for (size_t j = i; j-- > 0;)
		if ((needs | far) & PHASE_BIT(j))
			far |= phases[j].needs;
	return needs & ~far;
}

static void draw(FILE *out, enum goal goal)
{
	size_t count;
	const struct phase *phases = plan_phases(goal, &count);

	fprintf(out, "flowchart LR\n");
	for (size_t i = 0; i < count; i++) {
		bool many = phases[i].instances != NULL;
		unsigned needs = nearest_needs(phases, i);
		fprintf(out, many ? "    %s[[%s]]\n" : "    %s[%s]\n",
			phases[i].name, phases[i].name);
		for (size_t j = 0; j < i; j++)
			if (needs & PHASE_BIT(j))
				fprintf(out, "    %s --> %s\n", phases[j].name,
					phases[i].name);
	}
}

static char *read_file(const char *path)
{
	char *text = NULL;
	size_t room = 0;
	FILE *file = fopen(path, "r");

	cr_assert(file, "%s", path);
	cr_assert_gt(getdelim(&text, &room, '\0', file), 0, "%s", path);
	fclose(file);
	return text;
}

/* BYOC_DRAW_PLANS=1 prints the diagrams of all plans (Mermaid). */
Test(plan, is_drawn_in_the_readme)
{
	char *text = NULL, *readme = read_file(README);
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "```mermaid\n");
	draw(out, GOAL_PROVISION);
	fprintf(out, "```\n");
	for (int goal = 0; getenv("BYOC_DRAW_PLANS") && goal < GOAL_COUNT;
		goal++)
		draw(stderr, (enum goal)goal);
	fclose(out);
	cr_assert(strstr(readme, text),
		"README.md shows another plan than this:\n%s", text);
	free(text);
	free(readme);
}
