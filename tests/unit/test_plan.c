/* The plans prove well-formed, and draw themselves for the README. */
#include <byoc/phase.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_steps(const struct phase *phase)
{
	size_t count = 0;

	for (const struct step *step = phase->steps; step->name; step++) {
		cr_assert(step->met && step->ask && step->take, "%s/%s",
			phase->name, step->name);
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
		cr_assert(phase->needs || i == 0, "%s needs nothing",
			phase->name);
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
}

/* All that nothing else needs: the plan must end in one phase. */
Test(plan, ends_in_one_phase_that_waits_for_all)
{
	for (int goal = 0; goal < GOAL_COUNT; goal++) {
		size_t count;
		const struct phase *phases =
			plan_phases((enum goal)goal, &count);
		unsigned reached = PHASE_BIT(count - 1);
		for (size_t i = count; i-- > 0;)
			if (reached & PHASE_BIT(i))
				reached |= phases[i].needs;
		cr_assert_eq(reached, PHASE_BIT(count) - 1);
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

Test(plan, tries_again_ever_more_slowly)
{
	static const int waits[] = {500, 1000, 2000, 5000, 15000, 60000, 60000};
	struct err err = error_of(ERR_RETRY, "api_unreachable");

	for (int i = 0; i < (int)COUNT(waits); i++)
		cr_assert_eq(
			phase_retry_ms(GOAL_PROVISION, &err, i + 1), waits[i]);
	cr_assert_eq(phase_retry_ms(GOAL_PROVISION, &err, 19), 60000);
	cr_assert_eq(phase_retry_ms(GOAL_PROVISION, &err, 20), -1);
}

Test(plan, gives_up_sooner_on_what_is_sold_out)
{
	struct err err = error_of(ERR_RETRY, "resource_unavailable");

	cr_assert_eq(phase_retry_ms(GOAL_PROVISION, &err, 9), 60000);
	cr_assert_eq(phase_retry_ms(GOAL_PROVISION, &err, 10), -1);
	err = error_of(ERR_RETRY, "placement_error");
	cr_assert_eq(phase_retry_ms(GOAL_PROVISION, &err, 10), -1);
}

Test(plan, never_gives_up_a_teardown_or_a_validation)
{
	struct err err = error_of(ERR_RETRY, "api_unreachable");

	cr_assert_eq(phase_retry_ms(GOAL_TEARDOWN, &err, 1000000), 60000);
	cr_assert_eq(phase_retry_ms(GOAL_COUNT, &err, 1000000), 60000);
}

Test(plan, does_not_retry_what_will_not_pass)
{
	static const enum err_kind kinds[] = {
		ERR_REFUSED, ERR_CREDENTIAL, ERR_BAD_INPUT, ERR_BUG};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct err err = error_of(kinds[i], "x");
		cr_assert_eq(phase_retry_ms(GOAL_PROVISION, &err, 1), -1);
		cr_assert_eq(phase_retry_ms(GOAL_TEARDOWN, &err, 1), -1);
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

/* BYOC_DRAW_PLANS=1 prints the README's diagrams (Mermaid). */
Test(plan, draws_itself)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (int goal = 0; goal < GOAL_COUNT; goal++)
		draw(out, (enum goal)goal);
	fclose(out);
	cr_assert(strstr(text, "    network --> load_balancer\n"));
	cr_assert(strstr(text, "    nat_gateway --> ready\n"));
	cr_assert(strstr(text, "    halt --> ssh_keys\n"));
	cr_assert_not(strstr(text, "    prepare --> ready\n"));
	if (getenv("BYOC_DRAW_PLANS"))
		fputs(text, stderr);
	free(text);
}
