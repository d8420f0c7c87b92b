/* Pods of kube-system, and the budgets that limit how many may be gone. */
#ifndef KUBE_PODS_H
#define KUBE_PODS_H

#include "api.h"

/* What each pod bears, and budgets select by. */
#define APP_LABEL "k8s-app"

/* How many of those labels there are, and how many of them can work. */
void pods_count(struct cluster *cluster, const struct json_object *labels,
	int64_t *all, int64_t *healthy);
void pods_free(struct cluster *cluster);

/* May one of those labels go now? */
bool budgets_allow(struct cluster *cluster, const struct json_object *labels);

struct answer pods_answer(struct cluster *cluster,
	const struct request *request, const char *name);
struct answer budgets_answer(struct cluster *cluster,
	const struct request *request, const char *name);

#endif
