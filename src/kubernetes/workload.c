/* Deployments and daemon sets: what the cluster itself runs on. */
#include "scan.h"

#include <byoc/kubernetes.h>

void kubernetes_ask_workload(struct request *request, struct arena *arena,
	const char *server, const struct workload *workload)
{
	request_get(request, arena,
		"/apis/apps/v1/namespaces/kube-system/%s/%s", workload->plural,
		workload->name);
	request->server = server;
}

/* A number that is left out counts 0; that of a daemon set has its own word. */
struct counts {
	int64_t generation, observed;
	int64_t wanted, updated, available;
};

struct count {
	const char *key;
	int64_t *into;
};

static void read_counts(
	struct scan *scan, const struct count *counts, size_t count)
{
	struct piece key;

	if (!scan_enter_object(scan))
		return;
	while (scan_member(scan, &key)) {
		size_t i = 0;
		while (i < count && !piece_is(&key, counts[i].key))
			i++;
		if (i < count)
			*counts[i].into = scan_number(scan);
		else
			scan_skip(scan);
	}
}

static void read_part(
	struct scan *scan, const struct piece *part, struct counts *out)
{
	const struct count metadata[] = {{"generation", &out->generation}};
	const struct count spec[] = {{"replicas", &out->wanted}};
	const struct count status[] = {
		{"observedGeneration", &out->observed},
		{"updatedReplicas", &out->updated},
		{"availableReplicas", &out->available},
		{"desiredNumberScheduled", &out->wanted},
		{"updatedNumberScheduled", &out->updated},
		{"numberAvailable", &out->available},
	};

	if (piece_is(part, "metadata"))
		read_counts(scan, metadata, COUNT(metadata));
	else if (piece_is(part, "spec"))
		read_counts(scan, spec, COUNT(spec));
	else if (piece_is(part, "status"))
		read_counts(scan, status, COUNT(status));
	else
		scan_skip(scan);
}

/* As `kubectl rollout status` judges; what wants nobody runs nowhere. */
bool kubernetes_rolled_out(const struct reply *reply)
{
	struct scan scan = scan_begin(reply->text, reply->text_size);
	struct counts found = {0};
	struct piece part;

	if (!reply->text || !scan_enter_object(&scan))
		return false;
	while (scan_member(&scan, &part))
		read_part(&scan, &part, &found);
	return !scan.bad && found.observed >= found.generation &&
	       found.wanted > 0 && found.updated >= found.wanted &&
	       found.available >= found.wanted;
}
