/*
 * The words of the product: every enum with its text, which is the same in
 * JSON, SQL, logs and on the command line; jobs; and what is recorded of a
 * cluster. Data only: no I/O.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/memory.h>
#include <byoc/secret.h>
#include <byoc/words.h>
#include <stdbool.h>
#include <stdint.h>

enum { UUID_SIZE = 37, TRACEPARENT_SIZE = 56 };

enum { API_PORT = 6443 }; /* where a cluster's Kubernetes API listens */

/* 8-4-4-4-12 hexadecimal digits, lower case? Anything else is no uuid. */
bool uuid_valid(const char *text);
/* Hetzner's: is it 64 characters of [A-Za-z0-9]? */
bool token_well_formed(const struct secret *token);
void uuid_make(char uuid[UUID_SIZE]);

/* A W3C traceparent of version 00? */
bool traceparent_valid(const char *text);

enum location {
	LOCATION_FSN1,
	LOCATION_NBG1,
	LOCATION_HEL1,
	LOCATION_ASH,
	LOCATION_HIL,
	LOCATION_SIN,
	LOCATION_COUNT,
};
extern const struct words location_words;
/* "eu-central", "us-east", ... */
const char *location_zone(enum location location);

enum cluster_type {
	CLUSTER_DEDICATED,
	CLUSTER_DEDICATED_HA,
	CLUSTER_TYPE_COUNT
};
extern const struct words cluster_type_words;
int cluster_type_control_planes(enum cluster_type type); /* 1 or 3 */

/* What pods may ask for outside kube-system, by Kubernetes' own words. */
enum pod_security {
	POD_SECURITY_PRIVILEGED,
	POD_SECURITY_BASELINE,
	POD_SECURITY_RESTRICTED,
	POD_SECURITY_COUNT
};
extern const struct words pod_security_words;

/* What k3s brings along to let the world in: by a second load balancer. */
enum ingress { INGRESS_NONE, INGRESS_TRAEFIK, INGRESS_COUNT };
extern const struct words ingress_words;

/*
 * A network at Hetzner takes 100 servers: three control planes, the gateway,
 * and a few that take the place of others.
 */
enum { WORKERS_MOST = 90 };

enum cluster_status {
	CLUSTER_PENDING,
	CLUSTER_PROVISIONING,
	CLUSTER_RUNNING,
	CLUSTER_DELETING,
	CLUSTER_DELETED,
	CLUSTER_FAILED,
	CLUSTER_STATUS_COUNT,
};
extern const struct words cluster_status_words;

enum credential_status {
	CREDENTIAL_PENDING_VALIDATION,
	CREDENTIAL_READY,
	CREDENTIAL_INVALID,
	CREDENTIAL_STATUS_COUNT,
};
extern const struct words credential_status_words;

/*
 * A refresh brings a new token into a cluster that runs. A sweep looks once
 * more for what a cluster that is deleted may have left behind. A survey lists
 * what a teardown would take away, and changes nothing.
 */
enum goal {
	GOAL_PROVISION,
	GOAL_TEARDOWN,
	GOAL_REFRESH,
	GOAL_REPAIR,
	GOAL_SWEEP,
	GOAL_SURVEY,
	GOAL_COUNT
};
extern const struct words goal_words;

/*
 * What exists at Hetzner, in the order in which it is to be deleted; the words
 * are the API's singular names.
 */
enum resource_kind {
	RESOURCE_LOAD_BALANCER,
	RESOURCE_SERVER,
	RESOURCE_VOLUME,
	RESOURCE_NETWORK,
	RESOURCE_FIREWALL,
	RESOURCE_PLACEMENT_GROUP,
	RESOURCE_SSH_KEY,
	RESOURCE_PRIMARY_IP,
	RESOURCE_FLOATING_IP,
	RESOURCE_CERTIFICATE,
	RESOURCE_KIND_COUNT,
};
extern const struct words resource_kind_words;

/* What whoever asks for a teardown decides, and what is known of it. */
struct removal {
	bool with_neighbours; /* what others put on the network goes, too */
	bool keep_volumes;
	bool all_gone; /* even if nothing is found of what is recorded */
	bool dry_run;  /* a job only: a survey instead of it */

	/* Known, not decided. */
	int token_version;    /* of the token in use */
	bool unproven;        /* it has not shown the cluster's project yet */
	unsigned swept_kinds; /* bits: of these, nothing is left */
	/* A sweep's: uids of the Services whose balancers went. */
	const char *const *services;
	size_t service_count;
};

enum job_type {
	JOB_CREDENTIAL_VALIDATE,
	JOB_CREDENTIAL_AUDIT, /* a validation that looks through the project */
	JOB_CLUSTER_PROVISION,
	JOB_CLUSTER_TEARDOWN,
	JOB_CLUSTER_REFRESH,
	JOB_CLUSTER_REPAIR,
	JOB_CLUSTER_PHASE,
	JOB_CLUSTER_KUBECONFIG,
	JOB_TYPE_COUNT,
};
extern const struct words job_type_words;

enum { PHASE_NAME_SIZE = 32 };

/* A certificate is good until it ends, whoever has it meanwhile: hours. */
enum {
	KUBECONFIG_LIFETIME_S = 8 * 60 * 60,
	KUBECONFIG_LIFETIME_LEAST_S = 5 * 60,
	KUBECONFIG_LIFETIME_MOST_S = 24 * 60 * 60,
};

struct job {
	char id[UUID_SIZE];
	enum job_type type;
	char subject[UUID_SIZE]; /* the credential's or the cluster's id */
	int run;                 /* of a phase; else 0 */
	char phase[PHASE_NAME_SIZE];
	int index;
	int lifetime_s;         /* of a kubeconfig, as it was asked for */
	struct removal removal; /* what a teardown is told */
	char traceparent[TRACEPARENT_SIZE]; /* "" when none came along */
};

enum { JOB_SIZE_MAX = 64 * 1024 };

/* Is it about a credential, and not about a cluster? */
bool job_is_of_credential(const struct job *job);

/* The goal that a job gives its cluster; GOAL_COUNT: none. */
enum goal job_goal(const struct job *job);

/*
 * Decodes the body of a message. Whatever is wrong with it is ERR_BAD_INPUT:
 * "oversized", "bad_json", "bad_job" or "unknown_type".
 */
bool job_decode(
	const char *body, size_t size, struct job *job, struct err *err);

enum {
	NAME_SIZE = 64,    /* RFC 1123 label and its zero byte */
	ADDRESS_SIZE = 46, /* IPv4 or IPv6 as text */
	SERVER_TYPE_SIZE = 32,
	LIST_SIZE = 512,
};

/* One thing at Hetzner that belongs to a cluster, as recorded. */
struct resource {
	enum resource_kind kind;
	int64_t id; /* Hetzner's */
	char name[NAME_SIZE];
	char phase[PHASE_NAME_SIZE]; /* which made it */
	int index;
	char public_address[ADDRESS_SIZE];
	char private_address[ADDRESS_SIZE];
	int64_t actions[8]; /* not known to have succeeded */
	size_t action_count;
	/* Why it goes with the cluster; NULL: it was made for it. A constant or
	 * the lease's. */
	const char *why;
	/* The uid of the Service for which Kubernetes' controller made the
	 * balancer; else NULL. The arena's or the lease's. */
	const char *service;
};

/* What is recorded of a cluster; secrets are sealed texts. */
struct cluster {
	char id[UUID_SIZE];
	char name[NAME_SIZE];
	enum location location;
	enum cluster_type type;
	int workers;
	enum cluster_status status;
	char server_type[SERVER_TYPE_SIZE];  /* "": not chosen yet */
	char gateway_type[SERVER_TYPE_SIZE]; /* "": not chosen yet */
	enum pod_security pod_security;
	enum ingress ingress;
	bool was_ready;              /* once: no node begins it anew */
	char api_sources[LIST_SIZE]; /* CIDRs that may reach the API */
	char ssh_sources[LIST_SIZE]; /* CIDRs that may reach port 22, by comma
				      */
	char ssh_public_key[256];    /* "": the keys are not made yet */
	const char *sealed_ssh_private_key;
	const char *sealed_authorities;
	const char *sealed_join_token;
};

/*
 * `<cluster name, shortened>-<first 8 of the id>-<what>[-<index>]`, a valid
 * RFC 1123 label of at most 63 characters; index < 0: none. Underscores of
 * `what` become hyphens.
 */
void resource_name(const struct cluster *cluster, const char *what, int index,
	char name[NAME_SIZE]);

/* May everybody reach its API? Else it is behind the gateway's firewall. */
bool cluster_api_is_open(const struct cluster *cluster);

/* Is it a lower-case RFC 1123 label of at most 63 characters? */
bool cluster_name_valid(const char *name);

/* Every resource carries these three. */
#define LABEL_CLUSTER "mengi.cloud/cluster"
#define LABEL_PHASE "mengi.cloud/phase" /* "network", "control_plane-0" */
#define LABEL_MANAGED_BY "mengi.cloud/managed-by"
#define MANAGED_BY "byoc"
