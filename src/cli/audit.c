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

	bool orphans = answer_print(answer, "orphans",
		"Orphans, of clusters that there are not (any more):", columns,
		COUNT(columns));
	bool drift = answer_print(answer, "drift",
		"What clusters lack:", columns, COUNT(columns));
	bool strangers = answer_print(answer, "strangers",
		"Not of any cluster here, and costs money:", columns,
		COUNT(columns));
	if (orphans)
		printf("Orphans cost %s %s a month (net).\n",
			price ? price : "?", currency ? currency : "");
	else if (!drift && !strangers)
		puts("Nothing lacks, and nothing is left over.");
}

typedef bool act_on_cluster(struct console *console, const char *credential,
	const char *id, struct err *err);

static bool repair(struct console *console, const char *credential,
	const char *id, struct err *err)
{
	(void)credential;
	return console_repair_cluster(console, id, err);
}

/* For each cluster of a list, which comes sorted by them. */
static int act(struct call *call, const char *credential,
	struct json_object *lines, act_on_cluster *action, const char *said)
{
	const char *before = "";
	int status = DONE;

	for (size_t i = 0; i < json_object_array_length(lines); i++) {
		const char *id = json_object_get_string(json_object_object_get(
			json_object_array_get_idx(lines, i), "cluster_id"));
		struct err err = {0};
		if (strcmp(id, before) == 0)
			continue;
		before = id;
		if (!action(call->store, credential, id, &err))
			status = fail(&err);
		else if (!call->json)
			printf("cluster %.8s: %s\n", id, said);
	}
	return status;
}

static int act_on(
	struct call *call, const char *credential, struct json_object *answer)
{
	int status = DONE;

	if (call->option[OPTION_REPAIR])
		status = act(call, credential,
			json_object_object_get(answer, "drift"), repair,
			"its repair is asked for");
	if (call->option[OPTION_REMOVE_ORPHANS] &&
		act(call, credential, json_object_object_get(answer, "orphans"),
			console_sweep_cluster, "what it left is being deleted"))
		status = FAILED;
	return status;
}

static int tell(
	struct call *call, const char *credential, struct json_object *answer)
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
	return act_on(call, credential, answer);
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
	status = tell(call, id, answer);
	json_free(answer);
	return status;
}

const struct command audit_command = {
	.verb = "audit",
	.arguments = "CREDENTIAL",
	.summary =
		"look through a credential's project for what is left or lacking",
	.details =
		"A worker lists all that is in the project. "
		"Shown are orphans (with\nour label, of a cluster that "
		"is gone), what clusters lack (deleted, switched off,\n"
		"detached or changed by hand), and what is of no cluster here and costs "
		"money. With --repair, the\nclusters that lack something are "
		"asked to put it back; with --remove-orphans, what "
		"the list shows of\nclusters that were deleted here is "
		"deleted, too.",
	.takes = BIT(OPTION_TIMEOUT) | BIT(OPTION_OUTPUT) | BIT(OPTION_REPAIR) |
		 BIT(OPTION_REMOVE_ORPHANS),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_audit,
};
