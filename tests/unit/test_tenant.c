/* What a credential may have of a belt, and when it may have more. */
#include "tenant.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct settings settings = {.max_in_flight = 256};
static struct worker worker = {.settings = &settings, .now_ms = 1000000};

static struct tenant *tenant(int number)
{
	char id[UUID_SIZE];

	snprintf(id, sizeof id, "tenant-%d", number);
	return tenant_find(&worker, id);
}

static void tear_down(void)
{
	tenants_free(worker.tenants);
	worker.tenants = NULL;
}

TestSuite(tenant, .fini = tear_down);

/* What a tenant has left, as a lease is told. */
static int free_places(int number)
{
	struct lease_terms terms = {0};
	struct arena *arena = arena_new();
	char id[UUID_SIZE];

	snprintf(id, sizeof id, "tenant-%d", number);
	tenant_list_places(&worker, arena, &terms);
	int left = terms.share;
	for (size_t i = 0; i < terms.place_count; i++)
		if (strcmp(terms.places[i].credential_id, id) == 0)
			left = terms.places[i].free;
	arena_free(arena);
	return left;
}

static int fill(int number)
{
	int joined = 0;

	for (; free_places(number) > 0; joined++)
		tenant_join(&worker, tenant(number));
	return joined;
}

Test(tenant, has_a_quarter_of_the_belt_at_most)
{
	cr_assert_eq(fill(1), 64);
	cr_assert_eq(free_places(1), 0);
}

Test(tenant, leaves_a_share_to_whoever_comes_next)
{
	for (int i = 1; i <= 8; i++)
		cr_assert_gt(fill(i), 0, "tenant %d", i);
	cr_assert_gt(free_places(9), 0);
}

Test(tenant, gets_a_place_even_on_the_smallest_belt)
{
	settings.max_in_flight = 1;
	cr_assert_eq(fill(1), 1);
	cr_assert_eq(free_places(2), 1);
	settings.max_in_flight = 256;
}

static int fill_with_cluster_calls(int number)
{
	int count = 0;

	for (; tenant_may_call_cluster(&worker, tenant(number)); count++)
		tenant_begin_cluster_call(&worker, tenant(number));
	return count;
}

Test(tenant, whose_clusters_are_silent_leaves_calls_to_others)
{
	int first = fill_with_cluster_calls(1);

	cr_assert_eq(first, 8, "%d", first);
	for (int i = 2; i <= 8; i++)
		cr_assert_gt(fill_with_cluster_calls(i), 0, "tenant %d", i);
	cr_assert_lt(worker.cluster_calls, 32);
	worker.cluster_calls = 0;
}

Test(tenant, has_its_places_again_when_flights_land)
{
	fill(1);
	tenant_leave(&worker, tenant(1), 100);
	cr_assert_eq(free_places(1), 1);
}

Test(tenant, comes_back_as_late_as_all_before_it_need)
{
	int first_ms = tenant_turn_away(&worker, tenant(1));
	int last_ms = 0;

	for (int i = 0; i < 1000; i++) {
		int wait_ms = tenant_turn_away(&worker, tenant(1));
		cr_assert_geq(wait_ms, last_ms);
		last_ms = wait_ms;
	}
	cr_assert_geq(first_ms, 250);
	cr_assert_gt(last_ms, 10 * first_ms);
	cr_assert_leq(last_ms, 5000);
	/* Another one's turn is not moved by it. */
	cr_assert_eq(tenant_turn_away(&worker, tenant(2)), first_ms);
}

/* Or what has to wait would be the reason for waiting longer. */
Test(tenant, waits_as_long_as_flights_last_however_few_there_were)
{
	int places = fill(1), wait_ms = 0;

	for (int i = 0; i < 100; i++) {
		worker.now_ms += 500;
		tenant_leave(&worker, tenant(1), 100);
		tenant_join(&worker, tenant(1));
	}
	for (int i = 0; i < places; i++)
		wait_ms = tenant_turn_away(&worker, tenant(1));
	cr_assert_eq(wait_ms, 250, "%d", wait_ms);
}

Test(tenant, waits_for_its_turn_below_a_tenth_of_the_rate_limit)
{
	struct reply reply = {.rate_limit = 3600, .rate_remaining = 100};
	bool through[3] = {0};
	int wait_ms[3] = {0};

	tenant_note_rate(&worker, tenant(1), &reply);
	cr_assert(
		tenant_may_call(&worker, tenant(1), &through[0], &wait_ms[0]));
	for (int i = 1; i < 3; i++)
		cr_assert_not(tenant_may_call(
			&worker, tenant(1), &through[i], &wait_ms[i]));
	/* One of two calls that come back: a call every two seconds. */
	cr_assert_eq(wait_ms[1], 2000);
	cr_assert_eq(wait_ms[2], 4000);
	/* Who was let through may end what it began. */
	cr_assert(
		tenant_may_call(&worker, tenant(1), &through[0], &wait_ms[0]));
}

Test(tenant, that_is_idle_is_forgotten_and_one_with_flights_is_not)
{
	tenant_join(&worker, tenant(1));
	tenant(2);
	worker.now_ms += 60001;
	tenants_forget_idle(&worker, 60000);
	struct lease_terms terms = {0};
	struct arena *arena = arena_new();
	tenant_list_places(&worker, arena, &terms);
	cr_assert_eq(terms.place_count, 1);
	arena_free(arena);
	tenant_leave(&worker, tenant(1), 100);
	worker.now_ms += 60001;
	tenants_forget_idle(&worker, 60000);
}
