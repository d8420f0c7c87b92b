/* What Kubernetes answers to a request, of what is simulated of it. */
#ifndef KUBE_API_H
#define KUBE_API_H

#include "certificate.h"

struct request {
	enum visitor visitor;
	char *method, *path;
	char *accept; /* media types */
	char *after;  /* token of the page before */
	char *fields; /* a selector by fields */
	char *body;
	unsigned long limit; /* 0: none */
};

struct answer {
	unsigned status;
	struct json_object *body; /* owned */
};

struct answer api_answer(
	struct cluster *cluster, const struct request *request);

/* ---- For the parts of it ---- */

struct answer api_well(struct json_object *body);
/* A Status; "{name}" stands for nothing else than itself. */
struct answer api_refuse(unsigned status, const char *reason,
	const char *format, ...) __attribute__((format(printf, 3, 4)));
/* {"kind", "apiVersion", "metadata": {"name", "namespace", ...}} */
struct json_object *api_object(const char *kind, const char *version,
	const char *name, const char *name_space);
/* RFC 3339 of a moment of the simulation's clock. */
void api_moment(const struct cluster *cluster, int64_t at_ms, char text[32]);
const char *cluster_version(const struct cluster *cluster);

/* The i-th of what runs in kube-system; false: there are no more. */
struct workload {
	const char *name;
	bool per_node;
};
bool workload_at(size_t i, struct workload *workload);

/* A member's text, "" where there is none. */
const char *json_text_or_empty(const struct json_object *from, const char *key);

/* nodes.c, workloads.c, secrets.c, leases.c; `name` is "" for the whole list.
 */
struct answer nodes_answer(struct cluster *cluster,
	const struct request *request, const char *name);
struct answer workloads_answer(struct cluster *cluster,
	const struct request *request, const char *plural, const char *name);
struct answer leases_answer(struct cluster *cluster,
	const struct request *request, const char *name);
struct answer secrets_answer(struct cluster *cluster,
	const struct request *request, const char *name);

#endif
