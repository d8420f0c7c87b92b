/* What a project holds for a cluster, and what Hetzner asks for that a month.
 */
#include "cluster_cost.h"

#include "commands.h"
#include "table.h"
#include <byoc/json.h>
#include <byoc/memory.h>
#include <json-c/json.h>

static const struct column columns[] = {
	{"WHAT", "what", FORM_PLAIN},
	{"TYPE", "name", FORM_PLAIN},
	{"COUNT", "count", FORM_PLAIN},
	{"A MONTH", "price_month", FORM_PLAIN},
};

static void print_sum(struct json_object *cost)
{
	struct err ignored = {0};
	const struct json_in in = {cost, "cost", &ignored};
	const char *price = json_opt_text_ref(&in, "price_month");
	const char *currency = json_opt_text_ref(&in, "currency");
	const char *read_at = json_opt_text_ref(&in, "read_at");

	if (price)
		printf("\n%s %s a month (net), by Hetzner's prices of %.10s.\n",
			price, currency ? currency : "",
			read_at ? read_at : "?");
	else
		puts("\nNot every price is known: Hetzner has none there for "
		     "one of the types.");
}

int cost_print(struct call *call, struct json_object *cost, struct err *err)
{
	if (!cost)
		return fail(err);
	if (call->json) {
		json_print(cost);
	} else {
		table_print(json_object_object_get(cost, "lines"), columns,
			COUNT(columns));
		print_sum(cost);
	}
	json_free(cost);
	return DONE;
}

static int run_cost(struct call *call)
{
	char id[UUID_SIZE];
	struct err err = {0};

	if (!console_find_cluster(call->store, call->arguments[0], id, &err))
		return fail(&err);
	return cost_print(
		call, console_cost_of_cluster(call->store, id, &err), &err);
}

const struct command cluster_cost_command = {
	.noun = "cluster",
	.verb = "cost",
	.arguments = "ID",
	.summary = "what a cluster costs a month",
	.details = "By the prices that Hetzner asked of its credential's "
		   "account when the token was last\nchecked. What the cluster "
		   "made for itself is not in it: see `byoc cluster delete "
		   "--dry-run`.\nBefore there is one: `byoc cluster create "
		   "... --dry-run`.",
	.takes = BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_cost,
};
