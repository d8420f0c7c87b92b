/*
 * Ready: nobody connects to a node. The load balancer's own health checks tell
 * when the API of each control plane answers; the servers' private addresses
 * are recorded, for emergencies; then the cluster itself is asked (joined.c),
 * for only it knows who has joined it.
 */
#include "parts.h"

#include <byoc/json.h>
#include <stdio.h>
#include <string.h>

enum { BOOT_PATIENCE_MS = 30 * 60 * 1000 };

enum verdict ready_wait(struct facts *facts, const char *lacks, struct err *err)
{
	facts->wait_ms = phase_wait_ms(facts);
	facts->waiting = lacks;
	if (facts->age_ms <= BOOT_PATIENCE_MS)
		return VERDICT_WAIT;
	err_set(err, ERR_REFUSED, "not_ready",
		"After half an hour %s. Look there with `journalctl -u "
		"mengi-node -u k3s -u k3s-agent` (byoc cluster ssh-key; who "
		"may use it was said with --ssh-from), or delete this cluster and create it again.",
		lacks);
	return VERDICT_FAILED;
}

/* ---- health: every control plane answers ---- */

static bool health_met(const struct facts *facts)
{
	return facts->memory.healthy;
}

static bool health_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const struct resource *front = facts_need(facts, "load_balancer", err);

	if (!front)
		return false;
	request_get(&ask->request, facts->arena, "/load_balancers/%lld",
		(long long)front->id);
	return true;
}

static bool is_healthy(const struct json_in *target)
{
	struct json_in status;
	size_t count = json_count(target, "health_status");

	for (size_t i = 0; i < count; i++) {
		int port = 0;
		if (!json_element(target, "health_status", i, &status))
			return false;
		json_opt_int(&status, "listen_port", &port);
		const char *word = json_opt_text_ref(&status, "status");
		if (port == API_PORT)
			return word && strcmp(word, "healthy") == 0;
	}
	return false;
}

/* What a label selector found is nested under its target. */
static int count_healthy(struct json_object *balancer)
{
	struct err ignored = {0};
	struct json_in object = {balancer, "load_balancer", &ignored};
	struct json_in target, found;
	int healthy = 0;

	for (size_t i = 0; i < json_count(&object, "targets"); i++) {
		if (!json_element(&object, "targets", i, &target))
			continue;
		for (size_t j = 0; j < json_count(&target, "targets"); j++)
			if (json_element(&target, "targets", j, &found) &&
				is_healthy(&found))
				healthy++;
	}
	return healthy;
}

static enum verdict health_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct seen seen;
	int wanted = cluster_type_control_planes(facts->cluster.type);

	if (reply->class == REPLY_NOT_FOUND) {
		err_set(err, ERR_REFUSED, "load_balancer_gone",
			"The load balancer '%s' was removed while the cluster "
			"was being made. Delete this cluster and create it "
			"again.",
			facts_recorded(facts, "load_balancer", 0)->name);
		return VERDICT_FAILED;
	}
	if (reply->class != REPLY_OK)
		return phase_otherwise(facts, reply,
			"Asking whether the control planes answer", err);
	if (!reply_resource(reply, RESOURCE_LOAD_BALANCER, &seen, err))
		return VERDICT_FAILED;
	int healthy = count_healthy(seen.object);
	if (healthy >= wanted) {
		facts->memory.healthy = true;
		return VERDICT_NEXT;
	}
	return ready_wait(facts,
		arena_format(facts->arena,
			"%d of %d control planes answer on port %d", healthy,
			wanted, API_PORT),
		err);
}

/* ---- addresses: where each node can be reached in an emergency ---- */

static bool addresses_met(const struct facts *facts)
{
	bool known = true;

	for (size_t i = 0; i < facts->resource_count; i++) {
		const struct fact_resource *fact = &facts->resources[i];
		if (fact->change != CHANGE_REMOVE &&
			fact->resource.kind == RESOURCE_SERVER)
			known &= fact->resource.private_address[0] != '\0';
	}
	return known || facts->memory.listed;
}

static bool addresses_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	phase_ask_list(
		facts, &ask->request, RESOURCE_SERVER, phase_page(facts));
	return true;
}

static void note_address(struct facts *facts, const struct seen *seen)
{
	const struct resource *network = facts_recorded(facts, "network", 0);

	for (size_t i = 0; network && i < facts->resource_count; i++) {
		const struct fact_resource *fact = &facts->resources[i];
		struct resource known = fact->resource;
		if (fact->change == CHANGE_REMOVE || known.id != seen->id ||
			known.kind != RESOURCE_SERVER ||
			known.private_address[0])
			continue;
		if (seen_on_network(seen, network->id, known.private_address))
			facts_record(facts, &known);
	}
}

static enum verdict addresses_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct seen seen;

	if (reply->class != REPLY_OK)
		return phase_otherwise(
			facts, reply, "Reading the servers' addresses", err);
	if (!phase_is_list(reply, RESOURCE_SERVER, err))
		return VERDICT_FAILED;
	for (size_t i = 0; i < reply_list_count(reply, RESOURCE_SERVER); i++) {
		if (!reply_list_resource(reply, RESOURCE_SERVER, i, &seen, err))
			return VERDICT_FAILED;
		note_address(facts, &seen);
	}
	facts->memory.listed = !phase_turn_page(facts, reply);
	return VERDICT_NEXT;
}

const struct step ready_steps[] = {
	ROW(health),
	ROW(addresses),
	ROW(nodes),
	ROW(system),
	{0},
};
