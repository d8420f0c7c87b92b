/*
 * Rollout: what was restarted runs again, with what it was restarted for. Until
 * then the change has not happened: a pod that finds no place would keep the
 * old token in use, and nobody would know.
 */
#include "parts.h"

enum {
	PATIENCE_MS = 24 * 60 * 60 * 1000,
	PAUSE_MOST_MS = 60 * 1000,
};

/* As Hetzner's charts name them. */
static const struct workload restarted[] = {
	{"deployments", "hcloud-cloud-controller-manager"},
	{"deployments", "hcloud-csi-controller"},
};

bool rollout_met(const struct facts *facts)
{
	return facts->memory.rolled_out == COUNT(restarted);
}

bool rollout_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const char *server = facts_server(facts, err);

	if (!server)
		return false;
	kubernetes_ask_workload(&ask->request, facts->arena, server,
		&restarted[facts->memory.rolled_out]);
	return true;
}

/* Ever less often: each time begins with telling the token once more. */
static enum verdict wait_for(
	struct facts *facts, const char *name, struct err *err)
{
	int64_t half = facts->age_ms / 2;

	facts->wait_ms =
		half > PAUSE_MOST_MS ? PAUSE_MOST_MS : phase_wait_ms(facts);
	facts->waiting = arena_format(facts->arena,
		"the cluster has the new token; waiting for kube-system/%s",
		name);
	if (facts->age_ms < PATIENCE_MS)
		return VERDICT_WAIT;
	err_set(err, ERR_REFUSED, "not_rolled_out",
		"The cluster has the new token, but kube-system/%s has not "
		"started with it for a day. See `kubectl --namespace "
		"kube-system rollout status deployment/%s`, then store the "
		"token again.",
		name, name);
	return VERDICT_FAILED;
}

/* Who has removed one does not miss it. */
enum verdict rollout_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	const char *name = restarted[facts->memory.rolled_out].name;

	if (reply->class == REPLY_NOT_FOUND ||
		(reply->class == REPLY_OK && kubernetes_rolled_out(reply))) {
		facts->memory.rolled_out++;
		return VERDICT_NEXT;
	}
	return wait_for(facts, name, err);
}
