/* Every enum of the product with its words. */
#include <byoc/model.h>

#define WORDS(what, table, values)                                             \
	_Static_assert(COUNT(table) == (values), "name every " what);          \
	const struct words

static const char *const location_text[] = {
	[LOCATION_FSN1] = "fsn1",
	[LOCATION_NBG1] = "nbg1",
	[LOCATION_HEL1] = "hel1",
	[LOCATION_ASH] = "ash",
	[LOCATION_HIL] = "hil",
	[LOCATION_SIN] = "sin",
};
WORDS("location", location_text, LOCATION_COUNT)
location_words = {"location", location_text, LOCATION_COUNT};

const char *location_zone(enum location location)
{
	static const char *const zones[] = {
		[LOCATION_FSN1] = "eu-central",
		[LOCATION_NBG1] = "eu-central",
		[LOCATION_HEL1] = "eu-central",
		[LOCATION_ASH] = "us-east",
		[LOCATION_HIL] = "us-west",
		[LOCATION_SIN] = "ap-southeast",
	};
	_Static_assert(COUNT(zones) == LOCATION_COUNT, "a zone for each");
	return zones[location];
}

static const char *const cluster_type_text[] = {
	[CLUSTER_DEDICATED] = "dedicated",
	[CLUSTER_DEDICATED_HA] = "dedicated_ha",
};
WORDS("cluster type", cluster_type_text, CLUSTER_TYPE_COUNT)
cluster_type_words = {"type", cluster_type_text, CLUSTER_TYPE_COUNT};

int cluster_type_control_planes(enum cluster_type type)
{
	return type == CLUSTER_DEDICATED_HA ? 3 : 1;
}

static const char *const pod_security_text[] = {
	[POD_SECURITY_PRIVILEGED] = "privileged",
	[POD_SECURITY_BASELINE] = "baseline",
	[POD_SECURITY_RESTRICTED] = "restricted",
};
WORDS("pod security", pod_security_text, POD_SECURITY_COUNT)
pod_security_words = {"pod security", pod_security_text, POD_SECURITY_COUNT};

static const char *const ingress_text[] = {
	[INGRESS_NONE] = "none",
	[INGRESS_TRAEFIK] = "traefik",
};
WORDS("ingress", ingress_text, INGRESS_COUNT)
ingress_words = {"ingress", ingress_text, INGRESS_COUNT};

static const char *const cluster_status_text[] = {
	[CLUSTER_PENDING] = "pending",
	[CLUSTER_PROVISIONING] = "provisioning",
	[CLUSTER_RUNNING] = "running",
	[CLUSTER_DELETING] = "deleting",
	[CLUSTER_DELETED] = "deleted",
	[CLUSTER_FAILED] = "failed",
};
WORDS("cluster status", cluster_status_text, CLUSTER_STATUS_COUNT)
cluster_status_words = {"status", cluster_status_text, CLUSTER_STATUS_COUNT};

static const char *const credential_status_text[] = {
	[CREDENTIAL_PENDING_VALIDATION] = "pending_validation",
	[CREDENTIAL_READY] = "ready",
	[CREDENTIAL_INVALID] = "invalid",
};
WORDS("credential status", credential_status_text, CREDENTIAL_STATUS_COUNT)
credential_status_words = {
	"status", credential_status_text, CREDENTIAL_STATUS_COUNT};

static const char *const goal_text[] = {
	[GOAL_PROVISION] = "provision",
	[GOAL_TEARDOWN] = "teardown",
	[GOAL_REFRESH] = "refresh",
	[GOAL_REPAIR] = "repair",
	[GOAL_SWEEP] = "sweep",
	[GOAL_SURVEY] = "survey",
};
WORDS("goal", goal_text, GOAL_COUNT)
goal_words = {"goal", goal_text, GOAL_COUNT};

static const char *const resource_kind_text[] = {
	[RESOURCE_LOAD_BALANCER] = "load_balancer",
	[RESOURCE_SERVER] = "server",
	[RESOURCE_VOLUME] = "volume",
	[RESOURCE_NETWORK] = "network",
	[RESOURCE_FIREWALL] = "firewall",
	[RESOURCE_PLACEMENT_GROUP] = "placement_group",
	[RESOURCE_SSH_KEY] = "ssh_key",
	[RESOURCE_PRIMARY_IP] = "primary_ip",
	[RESOURCE_FLOATING_IP] = "floating_ip",
	[RESOURCE_CERTIFICATE] = "certificate",
};
WORDS("resource kind", resource_kind_text, RESOURCE_KIND_COUNT)
resource_kind_words = {"kind", resource_kind_text, RESOURCE_KIND_COUNT};

static const char *const job_type_text[] = {
	[JOB_CREDENTIAL_VALIDATE] = "credential.validate",
	[JOB_CREDENTIAL_AUDIT] = "credential.audit",
	[JOB_CLUSTER_PROVISION] = "cluster.provision",
	[JOB_CLUSTER_TEARDOWN] = "cluster.teardown",
	[JOB_CLUSTER_REFRESH] = "cluster.refresh",
	[JOB_CLUSTER_REPAIR] = "cluster.repair",
	[JOB_CLUSTER_PHASE] = "cluster.phase",
	[JOB_CLUSTER_KUBECONFIG] = "cluster.kubeconfig",
};
WORDS("job type", job_type_text, JOB_TYPE_COUNT)
job_type_words = {"type", job_type_text, JOB_TYPE_COUNT};

bool job_is_of_credential(const struct job *job)
{
	return job->type == JOB_CREDENTIAL_VALIDATE ||
	       job->type == JOB_CREDENTIAL_AUDIT;
}

enum goal job_goal(const struct job *job)
{
	static const enum goal goals[] = {
		[JOB_CREDENTIAL_VALIDATE] = GOAL_COUNT,
		[JOB_CREDENTIAL_AUDIT] = GOAL_COUNT,
		[JOB_CLUSTER_PROVISION] = GOAL_PROVISION,
		[JOB_CLUSTER_TEARDOWN] = GOAL_TEARDOWN,
		[JOB_CLUSTER_REFRESH] = GOAL_REFRESH,
		[JOB_CLUSTER_REPAIR] = GOAL_REPAIR,
		[JOB_CLUSTER_PHASE] = GOAL_COUNT,
		[JOB_CLUSTER_KUBECONFIG] = GOAL_COUNT,
	};
	_Static_assert(COUNT(goals) == JOB_TYPE_COUNT, "one for each");
	return job->removal.dry_run ? GOAL_SURVEY : goals[job->type];
}
