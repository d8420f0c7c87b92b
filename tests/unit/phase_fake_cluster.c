/* The API of a cluster that lives in a tiny Hetzner. */
#include "phase_fake_parts.h"

#include <stdlib.h>
#include <string.h>

/* All servers with a role are good nodes; the token of a page is its place. */
static const char *node_page(struct fake *fake, const char *path)
{
	const char *after = strstr(path, "&continue=");
	int limit = atoi(strstr(path, "limit=") + strlen("limit="));
	int first = after ? atoi(after + strlen("&continue=")) : 0, place = 0;
	const char *items = "", *next = "";

	for (size_t i = 0; i < fake->count; i++) {
		const struct fake_thing *server = &fake->things[i];
		if (!server->role[0] || place++ < first)
			continue;
		if (place > first + limit) {
			next = arena_format(fake->arena, "%d", first + limit);
			break;
		}
		items = arena_format(fake->arena,
			"%s%s{\"spec\":{\"providerID\":\"hcloud://%lld\"},"
			"\"status\":{\"conditions\":[{\"type\":\"Ready\","
			"\"status\":\"True\"}]}}",
			items, *items ? "," : "", (long long)server->id);
	}
	return arena_format(fake->arena,
		"{\"metadata\":{\"continue\":\"%s\"},\"items\":[%s]}", next,
		items);
}

/* Of the clusters' own API, where all that is asked for has rolled out. */
void fake_answer_of_cluster(
	struct fake *fake, const struct request *request, struct reply *reply)
{
	const char *text =
		strstr(request->path, "/nodes")
			? node_page(fake, request->path)
			: "{\"metadata\":{\"generation\":1},\"spec\":{"
			  "\"replicas\":1},\"status\":{\"observedGeneration\":1,"
			  "\"updatedReplicas\":1,\"availableReplicas\":1}}";

	reply_read_cluster(reply, 200);
	reply_keep(reply, text, strlen(text));
}
