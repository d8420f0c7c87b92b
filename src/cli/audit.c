/*
 * An audit: what in a credential's project is a cluster's that is gone, what a
 * cluster lacks, and what is nobody's and costs money.
 */
#include "answer.h"
#include "commands.h"
#include "table.h"
#include <byoc/json.h>
#include <byoc/memory.h>
#include <json-c/json.h>
#include <string.h>

static const struct column columns[] = {
	{"KIND", "kind", FORM_PLAIN},
	{"HETZNER ID", "hetzner_id", FORM_PLAIN},
	{"NAME", "name", FORM_PLAIN},
	{"CLUSTER", "cluster_id", FORM_SHORT_ID},
	{"A MONTH", "price_month", FORM_PLAIN},
	{"WHY", "why", FORM_PLAIN},
};

static void print_audit(struct json_object *answer)
{
	struct err ignored = {0};
	const struct json_in in = {answer, "answer", &ignored};
	const char *price = json_opt_text_ref(&in, "price_month");
	const char *currency = json_opt_text_ref(&in, "currency");

	answer_print(answer, "orphans",
		"Orphans, of clusters that there are not (any more):", columns,
		COUNT(columns));
	answer_print(answer, "drift", "What clusters lack:", columns,
		COUNT(columns));
	answer_print(answer, "strangers",
		"Not of any cluster here, and costs money:", columns,
		COUNT(columns));
	printf("Nothing was changed. Orphans cost %s %s a month (net).\n",
		price ? price : "?", currency ? currency : "");
}

/* Drift comes sorted by clusters. */
static int repair(struct call *call, struct json_object *answer)
{
	struct json_object *drift = json_object_object_get(answer, "drift");
	const char *before = "";
	int status = DONE;

	for (size_t i = 0; i < json_object_array_length(drift); i++) {
		const char *id = json_object_get_string(json_object_object_get(
			json_object_array_get_idx(drift, i), "cluster_id"));
		struct err err = {0};
		if (strcmp(id, before) == 0)
			continue;
		before = id;
		if (!console_repair_cluster(call->store, id, &err))
			status = fail(&err);
		else if (!call->json)
			printf("cluster %.8s: its repair is asked for\n", id);
	}
	return status;
}

static int tell(struct call *call, struct json_object *answer)
{
	struct err ignored = {0};
	const struct json_in in = {answer, "answer", &ignored};
	const char *reason = json_opt_text_ref(&in, "reason");

	if (reason)
		return fail_saying("%s", reason);
	if (call->json)
		json_print(answer);
	else
		print_audit(answer);
	return call->option[OPTION_REPAIR] ? repair(call, answer) : DONE;
}

static int run_audit(struct call *call)
{
	char id[UUID_SIZE], job[UUID_SIZE];
	struct json_object *answer = NULL;
	struct err err = {0};
	int status;

	if (console_find_credential(
		    call->store, call->arguments[0], id, &err) &&
		console_audit(call->store, id, job, &err))
		answer = answer_await(call, console_audited, id, job, &err);
	if (!answer)
		return fail(&err);
	status = tell(call, answer);
	json_free(answer);
	return status;
}

const struct command audit_command = {
	.verb = "audit",
	.arguments = "CREDENTIAL",
	.summary =
		"look through a credential's project for what is left or lacking",
	.details =
		"A worker lists all that is in the project, and changes "
		"nothing. Shown are orphans (with\nour label, of a cluster that "
		"is gone), what clusters lack (deleted, switched off or\n"
		"detached by hand), and what is of no cluster here and costs "
		"money. With --repair, the\nclusters that lack something are "
		"asked to make it again.",
	.takes = BIT(OPTION_TIMEOUT) | BIT(OPTION_OUTPUT) | BIT(OPTION_REPAIR),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_audit,
};
