/*
 * What there is: is this the cluster's project at all, what is its network, who
 * is on it, what is at its servers. What an answer shows is judged in list.c.
 */
#include "parts.h"

/* ---- prove: the token was replaced; does it open the same project? ---- */

static enum resource_kind proof_kind(const struct facts *facts)
{
	int kind = facts->memory.proof_kind;

	while (kind < RESOURCE_KIND_COUNT &&
		!remove_is_recorded(facts, (enum resource_kind)kind))
		kind++;
	return (enum resource_kind)kind;
}

static bool has_records(const struct facts *facts)
{
	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		if (remove_is_recorded(facts, (enum resource_kind)kind))
			return true;
	return false;
}

bool prove_met(const struct facts *facts)
{
	return !facts->removal.unproven || facts->proven ||
	       facts->removal.all_gone || !has_records(facts);
}

/* In another project nothing of it is found, and all would seem deleted. */
static bool refuse_project(struct err *err)
{
	return err_set(err, ERR_RETRY, "other_project",
		"None of what was made for this cluster is found with the "
		"token that is stored now: it seems to be of another project. "
		"Store a token of the cluster's own project; the deletion then "
		"goes on by itself. If all of it was deleted by hand, delete "
		"the cluster with --all-gone.");
}

bool prove_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	enum resource_kind kind = proof_kind(facts);

	if (kind == RESOURCE_KIND_COUNT)
		return refuse_project(err);
	phase_ask_list(facts, &ask->request, kind, 1);
	return true;
}

enum verdict prove_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	enum resource_kind kind = proof_kind(facts);

	if (reply->class != REPLY_OK)
		return phase_otherwise(
			facts, reply, "Looking for the cluster", err);
	if (!phase_is_list(reply, kind, err))
		return VERDICT_FAILED;
	facts->proven = remove_is_proof(reply, kind, facts);
	facts->memory.proof_kind = (int)kind + 1;
	return VERDICT_NEXT;
}

/* Those on their way out are waited for by the servers' own phase. */
static void note_servers(struct facts *facts)
{
	facts->memory.servers_known = true;
	facts->memory.again = facts->memory.leaving = false;
}

/*
 * ---- glance: the first pages of all lists that wait for no answer ----
 *
 * What has more pages is read by its own step, from the first one on.
 */

/*
 * Who is on the network is told by its own phase, once the servers are gone.
 * The first phase asks as well where it expects somebody: so that an
 * autoscaler's servers go with the others, and not after them.
 */
static bool looks_at_network(const struct facts *facts)
{
	unsigned swept = facts->removal.swept_kinds;

	if (remove_is_sweep(facts))
		return !(swept & 1u << RESOURCE_NETWORK);
	if (facts->phase->kind == RESOURCE_LOAD_BALANCER)
		return facts->removal.with_neighbours ||
		       facts->memory.more_servers;
	return facts->phase->kind == RESOURCE_NETWORK;
}

bool glance_met(const struct facts *facts)
{
	return facts->memory.glanced || facts->phase->surveys ||
	       !(remove_is_sweep(facts) ||
		       facts->phase->kind == RESOURCE_LOAD_BALANCER);
}

static bool is_glanced_at(const struct facts *facts, enum resource_kind kind)
{
	if (kind == RESOURCE_NETWORK)
		return looks_at_network(facts);
	if (!remove_is_sweep(facts))
		return kind == RESOURCE_SERVER;
	return remove_wants_list(facts, kind);
}

/* The network first: by it the others are judged. */
static size_t list_kinds(const struct facts *facts, size_t *kinds)
{
	size_t count = 0;

	if (is_glanced_at(facts, RESOURCE_NETWORK))
		kinds[count++] = RESOURCE_NETWORK;
	for (size_t kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		if (kind != RESOURCE_NETWORK &&
			is_glanced_at(facts, (enum resource_kind)kind))
			kinds[count++] = kind;
	return count;
}

bool glance_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	size_t *kinds = facts->memory.asked_of;
	size_t count = list_kinds(facts, kinds);

	(void)err;
	facts->memory.glanced = true;
	if (count == 0) {
		ask->kind = ASK_NOTHING;
		return true;
	}
	phase_ask_beside(facts, ask, count);
	for (size_t i = 0; i < count; i++)
		remove_ask_list(facts, ask_nth(ask, i),
			(enum resource_kind)kinds[i], 1);
	return true;
}

enum verdict glance_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct phase_memory *memory = &facts->memory;
	enum resource_kind kind =
		(enum resource_kind)memory->asked_of[memory->nth];

	if (reply->class != REPLY_OK)
		return phase_otherwise(
			facts, reply, "Looking for the cluster", err);
	if (reply_next_page(reply))
		return VERDICT_NEXT;
	if (!(kind == RESOURCE_NETWORK
			    ? remove_learn_networks(facts, reply, err)
			    : remove_learn_listed(facts, kind, reply, err)))
		return VERDICT_FAILED;
	memory->networks_known |= kind == RESOURCE_NETWORK;
	if (kind == RESOURCE_SERVER && !remove_is_sweep(facts))
		note_servers(facts);
	memory->glanced_kinds |= 1u << kind;
	return VERDICT_NEXT;
}

/* ---- One that somebody took the label off: in no list, but recorded ---- */

static void ask_lone(const struct facts *facts, enum resource_kind kind,
	struct request *request)
{
	request_get(request, facts->arena, "/%s/%lld", kind_plural(kind),
		(long long)remove_next_unlabelled(facts, kind));
}

static enum verdict take_lone(struct facts *facts, enum resource_kind kind,
	const char *doing, const struct reply *reply, struct err *err)
{
	if (reply->class != REPLY_OK && reply->class != REPLY_NOT_FOUND)
		return phase_otherwise(facts, reply, doing, err);
	return remove_learn_one(facts, kind,
		       remove_next_unlabelled(facts, kind), reply, err)
		       ? VERDICT_NEXT
		       : VERDICT_FAILED;
}

/* ---- learn: the cluster's network, and who is on it ---- */

bool learn_met(const struct facts *facts)
{
	if (!looks_at_network(facts))
		return true;
	return facts->memory.networks_known &&
	       !remove_next_unlabelled(facts, RESOURCE_NETWORK);
}

bool learn_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	if (facts->memory.networks_known)
		ask_lone(facts, RESOURCE_NETWORK, &ask->request);
	else
		phase_ask_list(facts, &ask->request, RESOURCE_NETWORK,
			phase_page(facts));
	return true;
}

enum verdict learn_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	static const char doing[] = "Looking for the network";

	if (facts->memory.networks_known)
		return take_lone(facts, RESOURCE_NETWORK, doing, reply, err);
	if (reply->class != REPLY_OK)
		return phase_otherwise(facts, reply, doing, err);
	if (!remove_learn_networks(facts, reply, err))
		return VERDICT_FAILED;
	facts->memory.networks_known = !phase_turn_page(facts, reply);
	return VERDICT_NEXT;
}

/*
 * ---- survey: the cluster's servers, while they know what is at them ----
 *
 * Those that bear its label, and one by one those that were made for it and
 * have lost theirs.
 */

bool survey_met(const struct facts *facts)
{
	if (!facts->phase->surveys &&
		facts->phase->kind != RESOURCE_LOAD_BALANCER)
		return true;
	return facts->memory.servers_known &&
	       !remove_next_unlabelled(facts, RESOURCE_SERVER);
}

bool survey_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	if (facts->memory.servers_known)
		ask_lone(facts, RESOURCE_SERVER, &ask->request);
	else
		phase_ask_list(facts, &ask->request, RESOURCE_SERVER,
			phase_page(facts));
	return true;
}

static enum verdict take_unlabelled(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	enum verdict verdict = take_lone(
		facts, RESOURCE_SERVER, "Looking at a server", reply, err);

	if (verdict == VERDICT_NEXT)
		note_servers(facts);
	return verdict;
}

enum verdict survey_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	if (facts->memory.servers_known)
		return take_unlabelled(facts, reply, err);
	if (reply->class != REPLY_OK)
		return phase_otherwise(
			facts, reply, "Listing the servers", err);
	if (!remove_learn_listed(facts, RESOURCE_SERVER, reply, err))
		return VERDICT_FAILED;
	if (!phase_turn_page(facts, reply))
		note_servers(facts);
	return VERDICT_NEXT;
}

/*
 * ---- fronts: load balancers that Kubernetes has made ----
 *
 * All that are Kubernetes' in the project are read: a question that every
 * cluster of the project asks alike, and only where there is one.
 */

bool fronts_met(const struct facts *facts)
{
	return facts->memory.fronts_known || !remove_has_unknown_fronts(facts);
}

bool fronts_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	ask->shared = true;
	request_get(&ask->request, facts->arena,
		"/load_balancers?label_selector=%s&per_page=%d&page=%d",
		request_escape(facts->arena, LABEL_CONTROLLER), PER_PAGE,
		phase_page(facts));
	return true;
}

enum verdict fronts_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	if (reply->class != REPLY_OK)
		return phase_otherwise(
			facts, reply, "Listing the load balancers", err);
	if (!remove_learn_listed(facts, RESOURCE_LOAD_BALANCER, reply, err))
		return VERDICT_FAILED;
	bool more = phase_turn_page(facts, reply);
	facts->memory.fronts_known = !more || !remove_has_unknown_fronts(facts);
	if (facts->memory.fronts_known)
		facts->memory.page = 0;
	return VERDICT_NEXT;
}

/* ---- strangers: who else is on the network, or was at a server ---- */

bool strangers_met(const struct facts *facts)
{
	enum resource_kind kind;
	int64_t id;

	return !remove_next_stranger(facts, &kind, &id);
}

bool strangers_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	enum resource_kind kind = RESOURCE_KIND_COUNT;
	int64_t id = 0;

	(void)err;
	remove_next_stranger(facts, &kind, &id);
	request_get(&ask->request, facts->arena, "/%s/%lld", kind_plural(kind),
		(long long)id);
	return true;
}

enum verdict strangers_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	enum resource_kind kind = RESOURCE_KIND_COUNT;
	int64_t id = 0;

	if (reply->class != REPLY_OK && reply->class != REPLY_NOT_FOUND)
		return phase_otherwise(
			facts, reply, "Looking at a neighbour", err);
	remove_next_stranger(facts, &kind, &id);
	return remove_learn_one(facts, kind, id, reply, err) ? VERDICT_NEXT
							     : VERDICT_FAILED;
}
