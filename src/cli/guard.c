/* Commands that allow and forbid: limits, and protection from deletion. */
#include "commands.h"

#include "table.h"
#include <byoc/json.h>
#include <byoc/memory.h>

static const struct column limit_columns[] = {
	{"ID", "id", FORM_PLAIN},
	{"Name", "name", FORM_PLAIN},
	{"Clusters", "clusters", FORM_PLAIN},
	{"at most", "most_clusters", FORM_PLAIN},
	{"Jobs waiting", "jobs", FORM_PLAIN},
	{"at most", "most_jobs", FORM_PLAIN},
};

static int show_limits(struct call *call, const char *id)
{
	struct err err = {0};
	struct json_object *limits = console_limits(call->store, id, &err);

	if (!limits)
		return fail(&err);
	if (call->json)
		json_print(limits);
	else
		fields_print(limits, limit_columns, COUNT(limit_columns));
	json_free(limits);
	return DONE;
}

static int run_limits(struct call *call)
{
	const char *clusters = call->option[OPTION_MOST_CLUSTERS];
	const char *jobs = call->option[OPTION_MOST_JOBS];
	char id[UUID_SIZE];
	struct err err = {0};

	if (!console_find_credential(call->store, call->arguments[0], id, &err))
		return fail(&err);
	if ((clusters || jobs) &&
		!console_set_limits(call->store, id, clusters, jobs, &err))
		return fail(&err);
	return show_limits(call, id);
}

const struct command credential_limits_command = {
	.noun = "credential",
	.verb = "limits",
	.arguments = "ID",
	.summary = "how much a credential may ask for; shows it, or changes it",
	.details = "What exists already stays, also beyond a new limit. Jobs "
		   "that follow from others by\nthemselves are not counted.",
	.takes = BIT(OPTION_MOST_CLUSTERS) | BIT(OPTION_MOST_JOBS) |
		 BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_limits,
};

static int protect(struct call *call, bool protect)
{
	char id[UUID_SIZE];
	struct err err = {0};

	if (!console_find_cluster(call->store, call->arguments[0], id, &err) ||
		!console_protect_cluster(call->store, id, protect, &err))
		return fail(&err);
	printf("cluster %s is %s deletion\n", id,
		protect ? "protected from" : "no longer protected from");
	return DONE;
}

static int run_protect(struct call *call)
{
	return protect(call, true);
}

const struct command cluster_protect_command = {
	.noun = "cluster",
	.verb = "protect",
	.arguments = "ID",
	.summary = "protect a cluster from deletion",
	.details = "Nobody can have it deleted then, no dashboard and no "
		   "operator, until\n`byoc cluster unprotect`. At Hetzner "
		   "nothing changes: who has the project can still\ndelete "
		   "what is in it.",
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_protect,
};

static int run_unprotect(struct call *call)
{
	return protect(call, false);
}

const struct command cluster_unprotect_command = {
	.noun = "cluster",
	.verb = "unprotect",
	.arguments = "ID",
	.summary = "let a cluster be deleted again",
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_unprotect,
};
