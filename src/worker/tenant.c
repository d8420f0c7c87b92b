/*
 * Tenants in a tree by their credential's id, and in a list. Who has to wait
 * gets a turn in a queue that exists only as a time: each turn given moves it
 * on by the pace, so a wait is as long as it takes for all who wait.
 */
#include "tenant.h"

#include <byoc/meter.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	QUARTER = 4,
	THIRD = 3,
	CLUSTER_CALLS_PART = 8,
	HELD_FIRST_MS = 1000,
	HELD_WEIGHT = 8,
	PACE_MOST_MS = 50,
	TURN_LEAST_MS = 250,
	TURN_AWAY_MOST_MS = 5 * 1000,
	RATE_WAIT_MOST_MS = 60 * 1000,
	MS_TO_FILL = 3600 * 1000,
	RESERVED_TENTH = 10,
};

struct tenant {
	char credential_id[UUID_SIZE]; /* first: the tree's key */
	struct tenant *next;
	int flights;
	int cluster_calls;
	int64_t used_ms;
	int64_t held_ms;        /* how long a flight has its place, about */
	int64_t turn_ms;        /* of the last that was turned away */
	int64_t rate_limit;     /* -1: not known */
	int64_t rate_remaining; /* at rate_ms */
	int64_t rate_ms;
	int64_t spare_from_ms; /* the next call, while little is left */
	int64_t call_turn_ms;  /* of the last that waits for one */
};

struct tenants {
	void *tree;
	struct tenant *first;
	int flights;
};

static int compare(const void *one, const void *other)
{
	return strcmp(one, other);
}

struct tenant *tenant_find(struct worker *worker, const char *credential_id)
{
	if (!worker->tenants)
		worker->tenants = memory_new(sizeof *worker->tenants);
	struct tenants *tenants = worker->tenants;
	void *found = tfind(credential_id, &tenants->tree, compare);
	if (found)
		return *(struct tenant **)found;

	struct tenant *tenant = memory_new(sizeof *tenant);
	snprintf(tenant->credential_id, sizeof tenant->credential_id, "%s",
		credential_id);
	tenant->held_ms = HELD_FIRST_MS;
	tenant->rate_limit = -1;
	tenant->used_ms = worker->now_ms;
	tenant->next = tenants->first;
	tenants->first = tenant;
	if (!tsearch(tenant->credential_id, &tenants->tree, compare)) {
		fputs("out of memory for tenants\n", stderr);
		abort();
	}
	return tenant;
}

void tenant_join(struct worker *worker, struct tenant *tenant)
{
	tenant->flights++;
	tenant->used_ms = worker->now_ms;
	worker->tenants->flights++;
}

static int within(int64_t value, int least, int most)
{
	if (value < least)
		return least;
	return value > most ? most : (int)value;
}

void tenant_leave(struct worker *worker, struct tenant *tenant, int64_t held_ms)
{
	tenant->held_ms += (held_ms - tenant->held_ms) / HELD_WEIGHT;
	tenant->used_ms = worker->now_ms;
	tenant->flights--;
	worker->tenants->flights--;
}

bool tenant_is_alone(const struct tenant *tenant)
{
	return tenant->flights == 1;
}

void tenant_list_places(
	struct worker *worker, struct arena *arena, struct lease_terms *terms)
{
	int most = worker->settings->max_in_flight;
	int leased = worker->tenants ? worker->tenants->flights : 0;
	int share = within((most - leased) / THIRD, 1, most);
	size_t count = 0;

	if (share > most / QUARTER)
		share = within(most / QUARTER, 1, most);
	struct place *places =
		arena_take(arena, ((size_t)leased + 1) * sizeof *places);
	for (struct tenant *t = worker->tenants ? worker->tenants->first : NULL;
		t; t = t->next)
		if (t->flights)
			places[count++] = (struct place){
				.credential_id = t->credential_id,
				.free = within(share - t->flights, 0, share),
			};
	terms->places = places;
	terms->place_count = count;
	terms->share = share;
}

/* Gives the next turn of a queue that moves at a pace; from now on. */
static int next_turn(
	int64_t *turn_ms, int64_t now_ms, int64_t pace_ms, int most_ms)
{
	int64_t before_ms = *turn_ms > now_ms ? *turn_ms - now_ms : 0;
	int wait_ms = within(before_ms + pace_ms, 0, most_ms);

	*turn_ms = now_ms + wait_ms;
	return within(wait_ms, TURN_LEAST_MS, most_ms);
}

/*
 * A full house of places becomes free in the time that a flight has its own.
 * How often one did become free lately says less: who makes too many wait sees
 * few leave.
 */
static int64_t pace_ms(const struct tenant *tenant)
{
	int64_t places = tenant->flights > 0 ? tenant->flights : 1;

	return within(tenant->held_ms / places, 1, PACE_MOST_MS);
}

int tenant_turn_away(struct worker *worker, struct tenant *tenant)
{
	tenant->used_ms = worker->now_ms;
	return next_turn(&tenant->turn_ms, worker->now_ms, pace_ms(tenant),
		TURN_AWAY_MOST_MS);
}

void tenant_note_rate(
	struct worker *worker, struct tenant *tenant, const struct reply *reply)
{
	if (reply->rate_limit <= 0 || reply->rate_remaining < 0)
		return;
	tenant->rate_limit = reply->rate_limit;
	tenant->rate_remaining = reply->rate_remaining;
	tenant->rate_ms = worker->now_ms;
}

static bool plenty_left(
	const struct worker *worker, const struct tenant *tenant)
{
	if (tenant->rate_limit < 0)
		return true;
	int64_t refilled = (worker->now_ms - tenant->rate_ms) *
			   tenant->rate_limit / MS_TO_FILL;
	return tenant->rate_remaining + refilled >
	       tenant->rate_limit / RESERVED_TENTH;
}

/*
 * The bucket refills steadily. A tenth of it is left to the customer's own
 * controllers, which draw on the same one: below that, a worker takes only one
 * of two calls that come back, so that the reserve grows and work still goes
 * on. A job that was let through may end what it began; the next one pays.
 */
bool tenant_may_call(struct worker *worker, struct tenant *tenant,
	bool *let_through, int *wait_ms)
{
	int64_t now = worker->now_ms, *spare_from = &tenant->spare_from_ms;

	if (plenty_left(worker, tenant))
		return true;
	int64_t pace_ms = 2 * MS_TO_FILL / tenant->rate_limit;
	if (!*let_through && now < *spare_from) {
		*wait_ms = next_turn(
			&tenant->call_turn_ms, now, pace_ms, RATE_WAIT_MOST_MS);
		return false;
	}
	*let_through = true;
	*spare_from = (*spare_from > now ? *spare_from : now) + pace_ms;
	return true;
}

bool tenant_may_call_cluster(
	const struct worker *worker, const struct tenant *tenant)
{
	int most = within(worker->settings->max_in_flight / CLUSTER_CALLS_PART,
		1, worker->settings->max_in_flight);
	int free = most - worker->cluster_calls;

	return free > 0 &&
	       tenant->cluster_calls < within(free / THIRD, 1, most);
}

void tenant_begin_cluster_call(struct worker *worker, struct tenant *tenant)
{
	worker->cluster_calls++;
	tenant->cluster_calls++;
}

void tenant_end_cluster_call(struct worker *worker, struct tenant *tenant)
{
	worker->cluster_calls--;
	tenant->cluster_calls--;
}

void tenants_write_rates(const struct worker *worker, FILE *out)
{
	meter_write_head(out, "byoc_api_rate_limit_remaining",
		"Calls left of a credential's hourly limit, when last told",
		"gauge");
	for (struct tenant *t = worker->tenants ? worker->tenants->first : NULL;
		t; t = t->next)
		if (t->rate_limit >= 0)
			fprintf(out,
				"byoc_api_rate_limit_remaining"
				"{credential=\"%s\"} %lld\n",
				t->credential_id, (long long)t->rate_remaining);
}

void tenants_forget_idle(struct worker *worker, int64_t idle_ms)
{
	struct tenants *tenants = worker->tenants;

	if (!tenants)
		return;
	for (struct tenant **at = &tenants->first; *at;) {
		struct tenant *tenant = *at;
		if (tenant->flights ||
			worker->now_ms - tenant->used_ms < idle_ms) {
			at = &tenant->next;
			continue;
		}
		*at = tenant->next;
		tdelete(tenant->credential_id, &tenants->tree, compare);
		free(tenant);
	}
}

static void forget_nothing(void *tenant)
{
	(void)tenant;
}

void tenants_free(struct tenants *tenants)
{
	if (!tenants)
		return;
	tdestroy(tenants->tree, forget_nothing);
	while (tenants->first) {
		struct tenant *tenant = tenants->first;
		tenants->first = tenant->next;
		free(tenant);
	}
	free(tenants);
}
