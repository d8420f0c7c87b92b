/* Cluster commands that ask for something: deleting, and another attempt. */
#include "commands.h"

#include "cluster_plan.h"
#include "table.h"
#include "watch.h"
#include <byoc/json.h>
#include <json-c/json.h>
#include <string.h>

/* Both status and name are never null. */
static const char *member(struct json_object *cluster, const char *key)
{
	return json_object_get_string(json_object_object_get(cluster, key));
}

/* The record that was called on the command line; the caller frees. */
static struct json_object *find_cluster(struct call *call, struct err *err)
{
	char id[UUID_SIZE];

	return console_find_cluster(call->store, call->arguments[0], id, err)
		       ? console_cluster(call->store, id, err)
		       : NULL;
}

/* Shows that it was asked for; then stays and watches, if told to. */
static int follow(struct call *call, struct json_object *cluster,
	const char *what, int64_t after)
{
	if (call->option[OPTION_WATCH])
		return watch_cluster(call, member(cluster, "id"), after);
	if (call->json)
		json_print(cluster);
	else
		printf("cluster %s: %s; watch it with "
		       "`byoc cluster watch %.8s`\n",
			member(cluster, "name"), what, member(cluster, "id"));
	return DONE;
}

static int run_delete(struct call *call)
{
	const struct removal removal = {
		.with_neighbours = call->option[OPTION_WITH_NEIGHBOURS],
		.keep_volumes = call->option[OPTION_KEEP_VOLUMES],
		.all_gone = call->option[OPTION_ALL_GONE],
	};
	struct err err = {0};
	int64_t after = -1;
	int status = DONE;
	struct json_object *cluster = find_cluster(call, &err);

	if (!cluster)
		return fail(&err);
	if (call->option[OPTION_DRY_RUN]) {
		status = plan_deletion(call, member(cluster, "id"), &removal);
	} else if (strcmp(member(cluster, "status"), "deleted") == 0) {
		if (call->json)
			json_print(cluster);
		else
			printf("cluster %s is deleted already\n",
				member(cluster, "name"));
	} else if (console_delete_cluster(call->store, member(cluster, "id"),
			   &removal, &err)) {
		after = console_run_begin(
			call->store, member(cluster, "id"), &err);
		status = after < 0
				 ? fail(&err)
				 : follow(call, cluster,
					   "its deletion is asked for", after);
	} else {
		status = fail(&err);
	}
	json_free(cluster);
	return status;
}

const struct command cluster_delete_command = {
	.noun = "cluster",
	.verb = "delete",
	.arguments = "ID",
	.summary = "ask for a cluster and all it has to be removed",
	.details = "Removes everything that belongs to the cluster in the "
		   "Hetzner project, volumes\nand their data included. What "
		   "others put on its network stays, and the network\nwith it, "
		   "until it is taken off; so does what is protected from "
		   "deletion. Asked\nfor once more, it takes over the options "
		   "and looks again at once.",
	.takes = BIT(OPTION_WITH_NEIGHBOURS) | BIT(OPTION_KEEP_VOLUMES) |
		 BIT(OPTION_ALL_GONE) | BIT(OPTION_DRY_RUN) |
		 BIT(OPTION_TIMEOUT) | BIT(OPTION_WATCH) | BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_delete,
};

/* Asks by `ask` for a run, and follows it. */
static int ask_for_run(struct call *call,
	bool (*ask)(struct console *, const char *, struct err *),
	const char *what)
{
	struct err err = {0};
	int64_t after = -1;
	struct json_object *cluster = find_cluster(call, &err);

	if (!cluster)
		return fail(&err);
	if (ask(call->store, member(cluster, "id"), &err))
		after = console_run_begin(
			call->store, member(cluster, "id"), &err);
	int status =
		after < 0 ? fail(&err) : follow(call, cluster, what, after);
	json_free(cluster);
	return status;
}

static int run_retry(struct call *call)
{
	return ask_for_run(
		call, console_retry_cluster, "another attempt is asked for");
}

const struct command cluster_retry_command = {
	.noun = "cluster",
	.verb = "retry",
	.arguments = "ID",
	.summary = "another attempt for a cluster that failed",
	.details = "Towards the goal it failed at: its building, or its "
		   "deletion. What exists already\nis used.",
	.takes = BIT(OPTION_WATCH) | BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_retry,
};

static int run_repair(struct call *call)
{
	return ask_for_run(
		call, console_repair_cluster, "its repair is asked for");
}

const struct command cluster_repair_command = {
	.noun = "cluster",
	.verb = "repair",
	.arguments = "ID",
	.summary = "put back what somebody has deleted or changed of a cluster",
	.details =
		"Looks through the project for what is recorded of the "
		"cluster, and makes again what\nis gone: nodes, the gateway, "
		"firewall, SSH key. What was changed is put\nback: the "
		"firewall's rules, the route, servers that are off or "
		"detached, the load\nbalancer's service. Nothing is deleted. "
		"The only control plane, the network and the\nload balancer "
		"cannot be made again.",
	.takes = BIT(OPTION_WATCH) | BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_repair,
};
