/*
 * The list before a deletion: what would go and what would stay, with prices. A
 * worker makes it, who alone opens tokens; here its answer is waited for.
 */
#include "cluster_plan.h"

#include "answer.h"
#include "table.h"
#include <byoc/json.h>
#include <byoc/memory.h>
#include <stdio.h>

static const struct column columns[] = {
	{"KIND", "kind", FORM_PLAIN},
	{"HETZNER ID", "hetzner_id", FORM_PLAIN},
	{"NAME", "name", FORM_PLAIN},
	{"A MONTH", "price_month", FORM_PLAIN},
	{"WHY", "why", FORM_PLAIN},
};

static void print_plan(struct json_object *answer)
{
	struct err ignored = {0};
	const struct json_in in = {answer, "answer", &ignored};
	const char *price = json_opt_text_ref(&in, "price_month");
	const char *currency = json_opt_text_ref(&in, "currency");

	(void)answer_print(
		answer, "goes", "Would be deleted:", columns, COUNT(columns));
	(void)answer_print(
		answer, "stays", "Would stay:", columns, COUNT(columns));
	printf("Nothing was changed. What would be deleted costs %s %s a month "
	       "(net).\n",
		price ? price : "?", currency ? currency : "");
}

int plan_deletion(
	struct call *call, const char *cluster, const struct removal *removal)
{
	char job[UUID_SIZE];
	struct err err = {0};

	if (!console_plan_deletion(call->store, cluster, removal, job, &err))
		return fail(&err);
	struct json_object *answer = answer_await(
		call, console_planned_deletion, cluster, job, &err);
	if (!answer)
		return fail(&err);
	const struct json_in in = {answer, "answer", &err};
	const char *reason = json_opt_text_ref(&in, "reason");
	int status = DONE;
	if (reason)
		status = fail_saying("%s", reason);
	else if (call->json)
		json_print(answer);
	else
		print_plan(answer);
	json_free(answer);
	return status;
}
