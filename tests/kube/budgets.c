/* Budgets of disruption (policy/v1): made, listed and deleted by clients. */
#include "pods.h"

#include <stdlib.h>
#include <string.h>

static struct json_object *selector_of(const struct json_object *budget)
{
	return json_at(
		json_at(json_at(budget, "spec"), "selector"), "matchLabels");
}

static const char *name_of(const struct json_object *budget)
{
	return json_text_or_empty(json_at(budget, "metadata"), "name");
}

/* Is what the labels are on one of the budget's? */
static bool selects(
	const struct json_object *budget, const struct json_object *labels)
{
	struct json_object *selector = selector_of(budget);

	if (!selector)
		return false;
	json_object_object_foreach(selector, key, value)
	{
		if (strcmp(json_object_get_string(value),
			    json_text_or_empty(labels, key)) != 0)
			return false;
	}
	return true;
}

/* A number, or "50%" of `all`, rounded up. */
static int64_t amount(const struct json_object *value, int64_t all)
{
	const char *text = json_object_get_string((struct json_object *)value);
	int64_t number = strtoll(text, NULL, 10);

	return strchr(text, '%') ? (number * all + 99) / 100 : number;
}

struct count {
	int64_t all, healthy, desired;
};

static struct count count(
	struct cluster *cluster, const struct json_object *budget)
{
	const struct json_object *spec = json_at(budget, "spec");
	const struct json_object *least = json_at(spec, "minAvailable");
	const struct json_object *most = json_at(spec, "maxUnavailable");
	struct count count = {0};

	pods_count(cluster, selector_of(budget), &count.all, &count.healthy);
	if (least)
		count.desired = amount(least, count.all);
	else if (most)
		count.desired = count.all - amount(most, count.all);
	return count;
}

bool budgets_allow(struct cluster *cluster, const struct json_object *labels)
{
	for (size_t i = 0; i < json_count(cluster->budgets); i++) {
		const struct json_object *budget =
			json_nth(cluster->budgets, i);
		struct count found;

		if (!selects(budget, labels))
			continue;
		found = count(cluster, budget);
		if (found.healthy <= found.desired)
			return false;
	}
	return true;
}

static struct json_object *view(
	struct cluster *cluster, struct json_object *budget)
{
	struct json_object *view = json_copy(budget);
	struct json_object *status = json_object_new_object();
	struct count found = count(cluster, budget);
	int64_t allowed = found.healthy - found.desired;

	json_put_number(status, "expectedPods", found.all);
	json_put_number(status, "currentHealthy", found.healthy);
	json_put_number(status, "desiredHealthy", found.desired);
	json_put_number(
		status, "disruptionsAllowed", allowed > 0 ? allowed : 0);
	json_put(view, "status", status);
	return view;
}

static struct answer list(struct cluster *cluster)
{
	struct json_object *items = json_object_new_array();
	struct json_object *body =
		json_literal("{'kind': 'PodDisruptionBudgetList',"
			     " 'apiVersion': 'policy/v1', 'metadata': {}}");

	for (size_t i = 0; i < json_count(cluster->budgets); i++)
		json_add(items, view(cluster, json_nth(cluster->budgets, i)));
	json_put(body, "items", items);
	return api_well(body);
}

static struct answer create(
	struct cluster *cluster, const struct request *request)
{
	struct json_object *budget = json_tokener_parse(request->body);

	if (!selector_of(budget) || !*name_of(budget)) {
		json_object_put(budget);
		return api_refuse(400, "BadRequest",
			"a budget has a name and selects by matchLabels here");
	}
	json_add(cluster->budgets, budget);
	return (struct answer){201, view(cluster, budget)};
}

struct answer budgets_answer(struct cluster *cluster,
	const struct request *request, const char *name)
{
	bool gets = strcmp(request->method, "GET") == 0;

	if (!*name && gets)
		return list(cluster);
	if (!*name && strcmp(request->method, "POST") == 0)
		return create(cluster, request);
	for (size_t i = 0; i < json_count(cluster->budgets); i++) {
		struct json_object *budget = json_nth(cluster->budgets, i);

		if (strcmp(name_of(budget), name) != 0)
			continue;
		struct answer answer = api_well(view(cluster, budget));
		if (strcmp(request->method, "DELETE") == 0)
			json_object_array_del_idx(cluster->budgets, i, 1);
		return answer;
	}
	return api_refuse(404, "NotFound",
		"poddisruptionbudgets.policy \"%s\" not found", name);
}
