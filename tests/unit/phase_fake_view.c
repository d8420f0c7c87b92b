/* How things of a tiny Hetzner look: what an answer shows of each. */
#include "phase_fake_parts.h"
#include "phase_harness.h"

#include <string.h>

static const char *labels_of(struct fake *fake, const struct fake_thing *thing)
{
	if (thing->controllers)
		return "{\"hcloud-ccm/service-uid\":\"u\"}";
	if (thing->scalers)
		return "{\"hcloud/node-group\":\"g\"}";
	if (thing->kept)
		return "{\"mengi.cloud/kept-from\":\"" CLUSTER_ID "\"}";
	if (thing->drivers && !thing->cluster[0])
		return "{\"managed-by\":\"csi-driver\"}";
	if (!thing->cluster[0])
		return "{\"theirs\":\"yes\"}";
	return arena_format(fake->arena,
		"{\"" LABEL_CLUSTER "\":\"%s\",\"" LABEL_PHASE "\":\"%s\"}",
		thing->cluster, thing->phase);
}

static const char *members_of(struct fake *fake, enum resource_kind kind,
	const struct fake_thing *network)
{
	const char *text = "";

	for (size_t i = 0; i < fake->count; i++)
		if (fake->things[i].kind == kind &&
			fake->things[i].network == network->id)
			text = arena_format(fake->arena, "%s%s%lld", text,
				*text ? "," : "",
				(long long)fake->things[i].id);
	return text;
}

/* What is at a server, or the certificates of a balancer. */
static const char *companions_of(struct fake *fake, enum resource_kind kind,
	const struct fake_thing *server)
{
	const char *text = "";

	for (size_t i = 0; i < fake->count; i++) {
		const struct fake_thing *thing = &fake->things[i];
		if (thing->kind == kind && (thing->server == server->id ||
						   thing->target == server->id))
			text = arena_format(fake->arena, "%s%s%lld", text,
				*text ? "," : "", (long long)thing->id);
	}
	return text;
}

/* Every server that its selector would find, or the one that it names. */
static const char *targets_of(struct fake *fake, const struct fake_thing *front)
{
	const char *text = "";

	if (front->target)
		return arena_format(fake->arena,
			"{\"type\":\"server\",\"server\":{\"id\":%lld}}",
			(long long)front->target);

	for (size_t i = 0; i < fake->count; i++) {
		const struct fake_thing *server = &fake->things[i];
		bool healthy = fake->clock > server->made_at + BOOT_TAKES;
		if (strcmp(server->role, "control-plane") != 0 ||
			strcmp(server->cluster, front->cluster) != 0)
			continue;
		text = arena_format(fake->arena,
			"%s%s{\"type\":\"server\",\"server\":{\"id\":%lld},"
			"\"health_status\":[{\"listen_port\":6443,\"status\":"
			"\"%s\"}]}",
			text, *text ? "," : "", (long long)server->id,
			healthy ? "healthy" : "unhealthy");
	}
	return text;
}

const char *fake_view(struct fake *fake, const struct fake_thing *thing)
{
	const char *text = arena_format(fake->arena,
		"{\"id\":%lld,\"name\":\"%s\",\"created\":\"%08d\",\"labels\":"
		"%s,\"status\":\"%s\"",
		(long long)thing->id, thing->name, thing->made_at,
		labels_of(fake, thing), thing->gone_at ? "deleting" : "ok");

	if (thing->network && thing->kind != RESOURCE_NETWORK)
		text = arena_format(fake->arena,
			"%s,\"private_net\":[{\"network\":%lld,\"ip\":\"%s\"}]",
			text, (long long)thing->network, thing->address);
	if (thing->kind == RESOURCE_NETWORK)
		text = arena_format(fake->arena,
			"%s,\"servers\":[%s],\"load_balancers\":[%s]", text,
			members_of(fake, RESOURCE_SERVER, thing),
			members_of(fake, RESOURCE_LOAD_BALANCER, thing));
	if (thing->kind == RESOURCE_LOAD_BALANCER)
		text = arena_format(fake->arena,
			"%s,\"public_net\":{\"ipv4\":{\"ip\":\"203.0.113.7\"}},"
			"\"targets\":[%s%s%s]",
			text,
			thing->target ? ""
				      : "{\"type\":\"label_selector\","
					"\"targets\":[",
			targets_of(fake, thing), thing->target ? "" : "]}");
	if (thing->kind == RESOURCE_SERVER)
		text = arena_format(fake->arena,
			"%s,\"volumes\":[%s],\"load_balancers\":[%s],"
			"\"public_net\":{\"floating_ips\":[%s]}",
			text, companions_of(fake, RESOURCE_VOLUME, thing),
			companions_of(fake, RESOURCE_LOAD_BALANCER, thing),
			companions_of(fake, RESOURCE_FLOATING_IP, thing));
	if (thing->kind == RESOURCE_LOAD_BALANCER)
		text = arena_format(fake->arena,
			"%s,\"services\":[{\"http\":{\"certificates\":[%s]}}]",
			text, companions_of(fake, RESOURCE_CERTIFICATE, thing));
	if (thing->kind == RESOURCE_CERTIFICATE)
		text = arena_format(fake->arena,
			thing->target ? "%s,\"type\":\"managed\",\"used_by\":"
					"[{\"id\":%lld,\"type\":"
					"\"load_balancer\"}]"
				      : "%s,\"type\":\"managed\",\"used_by\":"
					"[],\"ignored\":%lld",
			text, (long long)thing->target);
	if (thing->protected_)
		text = arena_format(fake->arena,
			"%s,\"protection\":{\"delete\":true}", text);
	if (thing->kind != RESOURCE_SERVER && thing->server)
		text = arena_format(fake->arena, "%s,\"server\":%lld", text,
			(long long)thing->server);
	return arena_format(fake->arena, "%s}", text);
}
