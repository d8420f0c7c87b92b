/*
 * A new token for a cluster that runs: its Secret is replaced through the
 * Kubernetes API, then those who read it only when they start are restarted.
 * All of it may be done twice. A cluster that does not take it within a day
 * keeps the token it has, and goes on running.
 */
#include "parts.h"

#include <byoc/bootstrap.h>
#include <byoc/json.h>

#define SYSTEM "namespaces/kube-system/"

/* As Hetzner's charts name them. Who has removed one does not miss it. */
static const char *const readers[] = {
	"hcloud-cloud-controller-manager", "hcloud-csi-controller"};

/* NULL with an error. */
static const char *server_of(const struct facts *facts, struct err *err)
{
	const struct resource *front = facts_need(facts, "load_balancer", err);

	return front ? arena_format(facts->arena, "https://%s:%d",
			       front->public_address, API_PORT)
		     : NULL;
}

enum { PATIENCE_MS = 24 * 60 * 60 * 1000 };

static enum verdict refused(
	const struct facts *facts, const struct reply *reply, struct err *err)
{
	if (facts->age_ms >= PATIENCE_MS)
		err_set(err, ERR_REFUSED, "cluster_unreachable",
			"The cluster has not taken the new token for a day "
			"(%s); its nodes still know the one before it. See "
			"that its Kubernetes API answers, then store the token "
			"again.",
			reply->message);
	else if (reply->class == REPLY_TRANSIENT)
		reply_fail(reply, "Asking the cluster", err);
	else
		err_set(err, ERR_RETRY, "cluster_refused",
			"The cluster did not take the new token: %s.",
			reply->message);
	return VERDICT_FAILED;
}

/* ---- secret ---- */

static bool secret_met(const struct facts *facts)
{
	return facts->memory.told > 0;
}

static bool secret_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const struct resource *network = facts_need(facts, "network", err);
	const char *server = server_of(facts, err);
	struct secret manifest = {0};

	if (!network || !server)
		return false;
	const struct bootstrap values = {
		.network_name = network->name, .hcloud_token = facts->token};
	if (!bootstrap_hcloud_secret(&values, &manifest, err))
		return false;
	request_apply(&ask->request, facts->arena, server, &manifest,
		"/api/v1/" SYSTEM "secrets/hcloud");
	return true;
}

static enum verdict secret_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	if (reply->class != REPLY_OK)
		return refused(facts, reply, err);
	facts->memory.told = 1;
	return VERDICT_NEXT;
}

/* ---- restart: as `kubectl rollout restart` does, once for each run ---- */

static bool restart_met(const struct facts *facts)
{
	return facts->memory.told > COUNT(readers);
}

static struct json_object *new_annotation(const struct facts *facts)
{
	struct json_object *body = json_new(), *spec = json_new();
	struct json_object *template = json_new(), *metadata = json_new();
	struct json_object *annotations = json_new();

	json_add_text(annotations, "mengi.cloud/refreshed-by-run",
		arena_format(facts->arena, "%d", facts->run));
	json_add(metadata, "annotations", annotations);
	json_add(template, "metadata", metadata);
	json_add(spec, "template", template);
	json_add(body, "spec", spec);
	return body;
}

static bool restart_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	const char *server = server_of(facts, err);

	if (!server)
		return false;
	request_merge(&ask->request, facts->arena, server,
		new_annotation(facts),
		arena_format(facts->arena,
			"/apis/apps/v1/" SYSTEM "deployments/%s",
			readers[facts->memory.told - 1]));
	return true;
}

static enum verdict restart_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	if (reply->class != REPLY_OK && reply->class != REPLY_NOT_FOUND)
		return refused(facts, reply, err);
	facts->memory.told++;
	return VERDICT_NEXT;
}

const struct step hcloud_secret_steps[] = {
	ROW(secret),
	ROW(restart),
	ROW(rollout),
	{0},
};
