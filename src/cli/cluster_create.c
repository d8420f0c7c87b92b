/* Asking for a new cluster. */
#include "commands.h"

#include "cluster_cost.h"
#include "table.h"
#include "watch.h"
#include <byoc/json.h>
#include <byoc/network.h>
#include <string.h>

enum { SOURCES_SIZE = REPEAT_MAX * (NETWORK_SIZE + 1) + 2 };

static bool none_among_others(const struct repeated *networks)
{
	for (size_t i = 0; i < networks->count; i++)
		if (strcmp(networks->values[i], "none") == 0)
			return networks->count > 1;
	return false;
}

/* As PostgreSQL writes arrays; the networks are checked already. */
static void write_sources(
	const struct repeated *networks, char out[SOURCES_SIZE])
{
	char network[NETWORK_SIZE];
	char why[200];
	size_t used = 0;

	for (size_t i = 0; i < networks->count; i++)
		if (network_read(networks->values[i], network, why, sizeof why))
			used += (size_t)snprintf(out + used,
				SOURCES_SIZE - used, "%c%s", used ? ',' : '{',
				network);
	strcpy(out + used, used ? "}" : "{}");
}

/* Prints what was made; then stays and watches it, if asked to. */
static int show_created(struct call *call, const char *id)
{
	struct err err = {0};

	if (call->json) {
		struct json_object *cluster =
			console_cluster(call->store, id, &err);
		if (!cluster)
			return fail(&err);
		json_print(cluster);
		json_free(cluster);
	} else {
		puts(id);
	}
	fflush(stdout);
	if (call->option[OPTION_WATCH])
		return watch_cluster(call, id, 0);
	if (!call->json)
		remark("watch it with `byoc cluster watch %.8s`", id);
	return DONE;
}

static int run_create(struct call *call)
{
	char id[UUID_SIZE];
	char credential[UUID_SIZE];
	char ssh_sources[SOURCES_SIZE];
	char api_sources[SOURCES_SIZE] = "{0.0.0.0/0,::/0}";
	struct err err = {0};

	if (none_among_others(&call->ssh_from) ||
		none_among_others(&call->api_from))
		return usage(call->command, "none: no other network beside it");
	uuid_make(id);
	write_sources(&call->ssh_from, ssh_sources);
	if (call->api_from.count > 0)
		write_sources(&call->api_from, api_sources);
	const struct cluster_wish wish = {
		.id = id,
		.name = call->option[OPTION_CLUSTER_NAME],
		.credential_id = credential,
		.location = call->option[OPTION_LOCATION],
		.type = call->option[OPTION_TYPE],
		.workers = option_number(call, OPTION_WORKERS),
		.server_type = call->option[OPTION_SERVER_TYPE],
		.ssh_sources = ssh_sources,
		.api_sources = api_sources,
		.ingress = call->option[OPTION_INGRESS],
		.pod_security = call->option[OPTION_POD_SECURITY],
		.same_name = call->option[OPTION_SAME_NAME] != NULL,
	};
	if (!console_find_credential(call->store,
		    call->option[OPTION_CREDENTIAL], credential, &err))
		return fail(&err);
	if (call->option[OPTION_DRY_RUN])
		return cost_print(call,
			console_cost_of_wish(call->store, &wish, &err), &err);
	if (!console_create_cluster(call->store, &wish, &err))
		return fail(&err);
	return show_created(call, id);
}

const struct command cluster_create_command = {
	.noun = "cluster",
	.verb = "create",
	.summary = "ask for a new cluster",
	.details = "Prints the id at once; workers then build it within "
		   "minutes. The credential has to\nbe ready.\n\n"
		   "  byoc cluster create --name demo --credential acme "
		   "--location fsn1 \\\n"
		   "      --type dedicated_ha --workers 2 --watch",
	.takes = BIT(OPTION_CLUSTER_NAME) | BIT(OPTION_CREDENTIAL) |
		 BIT(OPTION_LOCATION) | BIT(OPTION_TYPE) | BIT(OPTION_WORKERS) |
		 BIT(OPTION_SERVER_TYPE) | BIT(OPTION_SSH_FROM) |
		 BIT(OPTION_API_FROM) | BIT(OPTION_POD_SECURITY) |
		 BIT(OPTION_INGRESS) | BIT(OPTION_SAME_NAME) |
		 BIT(OPTION_DRY_RUN) | BIT(OPTION_WATCH) | BIT(OPTION_OUTPUT),
	.requires = BIT(OPTION_CLUSTER_NAME) | BIT(OPTION_CREDENTIAL) |
		    BIT(OPTION_LOCATION) | BIT(OPTION_TYPE),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_create,
};
