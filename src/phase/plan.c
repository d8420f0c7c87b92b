/*
 * The plans: which phases there are and what each one needs. A phase is
 * queued the moment all it needs is done; what has no instance in a cluster
 * counts as done. The tables' order respects the needs.
 */
#include "parts.h"

#include <string.h>

enum {
	PREPARE,
	SSH_KEY,
	NETWORK,
	FIREWALL,
	PLACEMENT_GROUP,
	GATEWAY_ADDRESS,
	LOAD_BALANCER,
	NAT_GATEWAY,
	CONTROL_PLANE,
	WORKER,
	READY,
	PROVISION_COUNT,
};

#define NEEDS_1(a) PHASE_BIT(a)
#define NEEDS_2(a, b) (PHASE_BIT(a) | PHASE_BIT(b))
#define NEEDS_3(a, b, c) (NEEDS_2(a, b) | PHASE_BIT(c))
#define NEEDS_4(a, b, c, d) (NEEDS_3(a, b, c) | PHASE_BIT(d))

static int placement_groups(const struct cluster *cluster)
{
	return cluster->type == CLUSTER_DEDICATED_HA ? 1 : 0;
}

static int control_planes(const struct cluster *cluster)
{
	return cluster_type_control_planes(cluster->type);
}

static int workers(const struct cluster *cluster)
{
	return cluster->workers;
}

static const struct phase provision[] = {
	[PREPARE] =
		{
			.name = "prepare",
			.steps = prepare_steps,
			.kind = RESOURCE_KIND_COUNT,
		},
	[SSH_KEY] =
		{
			.name = "ssh_key",
			.steps = make_steps,
			.needs = NEEDS_1(PREPARE),
			.kind = RESOURCE_SSH_KEY,
			.describe = ssh_key_describe,
		},
	[NETWORK] =
		{
			.name = "network",
			.steps = make_steps,
			.needs = NEEDS_1(PREPARE),
			.kind = RESOURCE_NETWORK,
			.describe = network_describe,
		},
	[FIREWALL] =
		{
			.name = "firewall",
			.steps = make_steps,
			.needs = NEEDS_1(PREPARE),
			.kind = RESOURCE_FIREWALL,
			.describe = firewall_describe,
		},
	[PLACEMENT_GROUP] =
		{
			.name = "placement_group",
			.steps = make_steps,
			.needs = NEEDS_1(PREPARE),
			.kind = RESOURCE_PLACEMENT_GROUP,
			.instances = placement_groups,
			.describe = placement_group_describe,
		},
	[GATEWAY_ADDRESS] =
		{
			.name = "gateway_address",
			.steps = make_steps,
			.needs = NEEDS_1(PREPARE),
			.kind = RESOURCE_PRIMARY_IP,
			.describe = gateway_address_describe,
		},
	[LOAD_BALANCER] =
		{
			.name = "load_balancer",
			.steps = load_balancer_steps,
			.needs = NEEDS_2(NETWORK, GATEWAY_ADDRESS),
			.kind = RESOURCE_LOAD_BALANCER,
			.pace = PACE_LOAD_BALANCER,
			.describe = load_balancer_describe,
		},
	[NAT_GATEWAY] =
		{
			.name = "nat_gateway",
			.steps = nat_gateway_steps,
			.needs = NEEDS_3(SSH_KEY, FIREWALL, LOAD_BALANCER),
			.kind = RESOURCE_SERVER,
			.role = "gateway",
			.describe = nat_gateway_describe,
		},
	[CONTROL_PLANE] =
		{
			.name = "control_plane",
			.steps = node_steps,
			.needs = NEEDS_4(SSH_KEY, NETWORK, PLACEMENT_GROUP,
				LOAD_BALANCER),
			.kind = RESOURCE_SERVER,
			.opens_secrets = true,
			.role = "control-plane",
			.pace = PACE_NODE,
			.instances = control_planes,
			.describe = control_plane_describe,
		},
	[WORKER] =
		{
			.name = "worker",
			.steps = node_steps,
			.needs = NEEDS_3(SSH_KEY, NETWORK, LOAD_BALANCER),
			.kind = RESOURCE_SERVER,
			.opens_secrets = true,
			.role = "worker",
			.pace = PACE_NODE,
			.instances = workers,
			.describe = worker_describe,
		},
	[READY] =
		{
			.name = "ready",
			.steps = ready_steps,
			.needs = NEEDS_4(NAT_GATEWAY, LOAD_BALANCER,
				CONTROL_PLANE, WORKER),
			.kind = RESOURCE_LOAD_BALANCER,
			.opens_secrets = true,
		},
};
_Static_assert(COUNT(provision) == PROVISION_COUNT, "describe every phase");

enum {
	LOAD_BALANCERS,
	SERVERS,
	VOLUMES,
	NETWORKS,
	FIREWALLS,
	PLACEMENT_GROUPS,
	SSH_KEYS,
	PRIMARY_IPS,
	FLOATING_IPS,
	CERTIFICATES,
	SWEEP,
	TEARDOWN_COUNT,
};

/* Before the others. */
#define REMOVES_FIRST(word, what)                                              \
	{                                                                      \
		.name = word, .steps = remove_steps, .kind = what,             \
		.halts = true                                                  \
	}
#define REMOVES(word, what, before)                                            \
	{                                                                      \
		.name = word, .steps = remove_steps, .kind = what,             \
		.needs = NEEDS_1(before)                                       \
	}

static const struct phase teardown[] = {
	[LOAD_BALANCERS] =
		REMOVES_FIRST("load_balancers", RESOURCE_LOAD_BALANCER),
	[SERVERS] =
		{
			.name = "servers",
			.steps = remove_steps,
			.needs = NEEDS_1(LOAD_BALANCERS),
			.kind = RESOURCE_SERVER,
			.pace = PACE_SERVERS_GONE,
		},
	[VOLUMES] = REMOVES("volumes", RESOURCE_VOLUME, SERVERS),
	[NETWORKS] = REMOVES("networks", RESOURCE_NETWORK, SERVERS),
	[FIREWALLS] = REMOVES("firewalls", RESOURCE_FIREWALL, SERVERS),
	[PLACEMENT_GROUPS] =
		{
			.name = "placement_groups",
			.steps = remove_steps,
			.needs = NEEDS_1(SERVERS),
			.kind = RESOURCE_PLACEMENT_GROUP,
			.instances = placement_groups,
		},
	[SSH_KEYS] = REMOVES_FIRST("ssh_keys", RESOURCE_SSH_KEY),
	[PRIMARY_IPS] = REMOVES("primary_ips", RESOURCE_PRIMARY_IP, SERVERS),
	[FLOATING_IPS] = REMOVES("floating_ips", RESOURCE_FLOATING_IP, SERVERS),
	/* As long as there is a server, Kubernetes may use one. */
	[CERTIFICATES] = REMOVES("certificates", RESOURCE_CERTIFICATE, SERVERS),
	/* Once more through everything: only nothing found is the end. */
	[SWEEP] =
		{
			.name = "sweep",
			.steps = remove_steps,
			.needs = PHASE_BIT(SWEEP) - 1,
			.kind = RESOURCE_KIND_COUNT,
		},
};
_Static_assert(COUNT(teardown) == TEARDOWN_COUNT, "describe every phase");

static const struct phase refresh[] = {
	{
		.name = "hcloud_secret",
		.steps = hcloud_secret_steps,
		.kind = RESOURCE_KIND_COUNT,
		.opens_secrets = true,
	},
};

/* Some minutes after a teardown: a request that got no answer came late. */
static const struct phase sweep[] = {
	{
		.name = "sweep",
		.steps = remove_steps,
		.kind = RESOURCE_KIND_COUNT,
		.by_label = true,
	},
};

/* What would a teardown take away? */
static const struct phase survey[] = {
	{
		.name = "survey",
		.steps = survey_steps,
		.kind = RESOURCE_KIND_COUNT,
		.surveys = true,
	},
};

const struct phase *plan_phases(enum goal goal, size_t *count)
{
	static const struct {
		const struct phase *phases;
		size_t count;
	} plans[] = {
		[GOAL_PROVISION] = {provision, COUNT(provision)},
		[GOAL_TEARDOWN] = {teardown, COUNT(teardown)},
		[GOAL_REFRESH] = {refresh, COUNT(refresh)},
		/* What lacks is made as at first; what is there, is there. */
		[GOAL_REPAIR] = {provision, COUNT(provision)},
		[GOAL_SWEEP] = {sweep, COUNT(sweep)},
		[GOAL_SURVEY] = {survey, COUNT(survey)},
	};
	_Static_assert(COUNT(plans) == GOAL_COUNT, "a plan for every goal");

	*count = plans[goal].count;
	return plans[goal].phases;
}

const struct phase *plan_find(enum goal goal, const char *name)
{
	size_t count;
	const struct phase *phases = plan_phases(goal, &count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(phases[i].name, name) == 0)
			return &phases[i];
	return NULL;
}

int plan_instances(const struct phase *phase, const struct cluster *cluster)
{
	return phase->instances ? phase->instances(cluster) : 1;
}
