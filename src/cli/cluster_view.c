/* Cluster commands that look at records. */
#include "commands.h"

#include "table.h"
#include "watch.h"
#include <byoc/json.h>
#include <byoc/memory.h>
#include <json-c/json.h>

static const struct column list_columns[] = {
	{"ID", "id", FORM_SHORT_ID},
	{"NAME", "name", FORM_PLAIN},
	{"STATUS", "status", FORM_PLAIN},
	{"TYPE", "type", FORM_PLAIN},
	{"WORKERS", "workers", FORM_PLAIN},
	{"LOCATION", "location", FORM_PLAIN},
	{"CHANGED", "changed_at", FORM_MOMENT},
	{"CODE", "code", FORM_PLAIN},
};

static const struct column show_columns[] = {
	{"ID", "id", FORM_PLAIN},
	{"Name", "name", FORM_PLAIN},
	{"Status", "status", FORM_PLAIN},
	{"Code", "code", FORM_PLAIN},
	{"Reason", "reason", FORM_PLAIN},
	{"Endpoint", "endpoint", FORM_PLAIN},
	{"Goes out as", "egress_address", FORM_PLAIN},
	{"Protected", "protected", FORM_PLAIN},
	{"Credential", "credential_id", FORM_PLAIN},
	{"Location", "location", FORM_PLAIN},
	{"Type", "type", FORM_PLAIN},
	{"Workers", "workers", FORM_PLAIN},
	{"Server type", "server_type", FORM_PLAIN},
	{"API from", "api_sources", FORM_PLAIN},
	{"SSH from", "ssh_sources", FORM_PLAIN},
	{"Ingress", "ingress", FORM_PLAIN},
	{"Pod security", "pod_security", FORM_PLAIN},
	{"Goal", "goal", FORM_PLAIN},
	{"Run", "run", FORM_PLAIN},
	{"Created", "created_at", FORM_MOMENT},
	{"Changed", "changed_at", FORM_MOMENT},
	{"Swept", "swept_at", FORM_MOMENT},
};

static const struct column phase_columns[] = {
	{"PHASE", "phase", FORM_PHASE},
	{"STATUS", "status", FORM_PLAIN},
	{"FAILURES", "failures", FORM_PLAIN},
	{"STARTED", "started_at", FORM_MOMENT},
	{"FINISHED", "finished_at", FORM_MOMENT},
	{"CODE", "code", FORM_PLAIN},
	{"REASON", "reason", FORM_PLAIN},
};

static const struct column resource_columns[] = {
	{"RESOURCE", "kind", FORM_PLAIN},
	{"HETZNER ID", "id", FORM_PLAIN},
	{"NAME", "name", FORM_PLAIN},
	{"PUBLIC", "public_address", FORM_PLAIN},
	{"PRIVATE", "private_address", FORM_PLAIN},
};

static const struct column receipt_columns[] = {
	{"RECEIPT", "fate", FORM_PLAIN},
	{"KIND", "kind", FORM_PLAIN},
	{"HETZNER ID", "id", FORM_PLAIN},
	{"NAME", "name", FORM_PLAIN},
	{"AT", "at", FORM_MOMENT},
	{"WHY", "why", FORM_PLAIN},
};

static int run_list(struct call *call)
{
	struct err err = {0};
	struct json_object *list = console_clusters(
		call->store, call->option[OPTION_DELETED], &err);

	return list ? print_list(call->json, list, list_columns,
			      COUNT(list_columns),
			      "There are no clusters: see "
			      "`byoc cluster create --help`.")
		    : fail(&err);
}

const struct command cluster_list_command = {
	.noun = "cluster",
	.verb = "list",
	.summary = "all clusters, without deleted ones",
	.takes = BIT(OPTION_DELETED) | BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_list,
};

static void print_part(struct json_object *cluster, const char *key,
	const struct column *columns, size_t count)
{
	struct json_object *array = json_object_object_get(cluster, key);

	if (json_object_array_length(array) == 0)
		return;
	putchar('\n');
	table_print(array, columns, count);
}

static int run_show(struct call *call)
{
	char id[UUID_SIZE];
	struct err err = {0};

	if (!console_find_cluster(call->store, call->arguments[0], id, &err))
		return fail(&err);
	struct json_object *cluster = console_cluster(call->store, id, &err);
	if (!cluster)
		return fail(&err);
	if (call->json) {
		json_print(cluster);
	} else {
		fields_print(cluster, show_columns, COUNT(show_columns));
		print_part(
			cluster, "phases", phase_columns, COUNT(phase_columns));
		print_part(cluster, "resources", resource_columns,
			COUNT(resource_columns));
		print_part(cluster, "receipt", receipt_columns,
			COUNT(receipt_columns));
	}
	json_free(cluster);
	return DONE;
}

const struct command cluster_show_command = {
	.noun = "cluster",
	.verb = "show",
	.arguments = "ID",
	.summary = "one cluster, its phases and its resources at Hetzner",
	.details = "Of a deletion: what went and what was kept, and why. "
		   "Swept: when everything had\nbeen looked through for the "
		   "last time, and nothing of the cluster was left.",
	.takes = BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_show,
};

static int run_watch(struct call *call)
{
	char id[UUID_SIZE];
	struct err err = {0};
	int64_t after = -1;

	if (console_find_cluster(call->store, call->arguments[0], id, &err))
		after = console_run_begin(call->store, id, &err);
	return after >= 0 ? watch_cluster(call, id, after) : fail(&err);
}

const struct command cluster_watch_command = {
	.noun = "cluster",
	.verb = "watch",
	.arguments = "ID",
	.summary = "follow what happens to a cluster until it is done",
	.details = "On a terminal: the current run as a tree of its phases; "
		   "else a line for each of its\nevents. Ends with 0 when the "
		   "cluster is running or deleted, with 1 when it failed.\n"
		   "With BYOC_AMQP_URL, events say when to look into the "
		   "database; without, or while the\nbroker is away, it looks "
		   "twice a second. Goes on by itself after a restart of "
		   "either.\n"
		   "With --output json: one event (CloudEvents 1.0) per line.",
	.takes = BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_watch,
};
