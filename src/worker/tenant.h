/*
 * Tenants: what belongs to one credential on this belt. Nobody starves the
 * others: a credential has at most a quarter of the places, and never more than
 * a third of what is free, so that there is room for whoever comes next.
 */
#pragma once

#include "worker.h"

/* Borrowed; made when it is not known yet. */
struct tenant *tenant_find(struct worker *worker, const char *credential_id);

/* A flight of it holds a lease, or has let go of it after so many ms. */
void tenant_join(struct worker *worker, struct tenant *tenant);
void tenant_leave(
	struct worker *worker, struct tenant *tenant, int64_t held_ms);

/* Has it one flight in the air? */
bool tenant_is_alone(const struct tenant *tenant);

/* Fills in the places, and the share of who has no flights. */
void tenant_list_places(
	struct worker *worker, struct arena *arena, struct lease_terms *terms);

/*
 * In how many milliseconds a job that found no place is to come back: one after
 * the other, at the pace at which places become free.
 */
int tenant_turn_away(struct worker *worker, struct tenant *tenant);

void tenant_note_rate(struct worker *worker, struct tenant *tenant,
	const struct reply *reply);
/*
 * May a call be made, with what is to be left to the customer's own? A flight
 * keeps in `let_through` that it was allowed to when little was left; one that
 * may not is to come back in *wait_ms, when it is its turn.
 */
bool tenant_may_call(struct worker *worker, struct tenant *tenant,
	bool *let_through, int *wait_ms);

/*
 * Calls to clusters, of which many may be silent, have places of their own: one
 * of eight. May this tenant take one more? It has at most a third of what is
 * free, so that everybody else finds one.
 */
bool tenant_may_call_cluster(
	const struct worker *worker, const struct tenant *tenant);
void tenant_begin_cluster_call(struct worker *worker, struct tenant *tenant);
void tenant_end_cluster_call(struct worker *worker, struct tenant *tenant);

/* What is left of each one's rate limit, as far as it is known. */
void tenants_write_rates(const struct worker *worker, FILE *out);
void tenants_forget_idle(struct worker *worker, int64_t idle_ms);
void tenants_free(struct tenants *tenants);
