/*
 * cloud-init user_data for the gateway and the nodes, rendered from the
 * template files in src/bootstrap/. Pure: no I/O, no clock. What comes out
 * holds secrets and is at most 32 KiB (Hetzner's limit for user_data); when it
 * is larger, the error ("user_data_too_large") says by how much.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>

enum { USER_DATA_MAX = 32 * 1024 };

/* All texts are borrowed and trusted to be of the form named here. */
struct bootstrap {
	const char *cluster_id;            /* uuid */
	const char *cluster_name;          /* RFC 1123 label */
	const char *location;              /* fsn1, ... */
	const char *network_name;          /* its name at Hetzner */
	const char *network_range;         /* "10.0.0.0/16" */
	const char *router_address;        /* Hetzner's router, "10.0.0.1" */
	const char *load_balancer_private; /* where nodes reach the API */
	const char *load_balancer_public;  /* where its users do */
	const char *relay_to; /* where the gateway hands on what comes for the
			       * API; NULL: nothing does */
	const char *volume_label; /* "key=value" that the CSI driver adds */
	/* What pods may ask for outside kube-system: "privileged", "baseline"
	 * or "restricted". A namespace's own label says otherwise. */
	const char *pod_security;
	const char *balancer_type; /* of those that Services ask for: "lb11" */
	bool has_ingress;          /* k3s' own: Traefik */
	bool highly_available;     /* 3 control planes */
	bool has_workers; /* then control planes take no customer's pods */
	bool may_begin;   /* the cluster was never ready */
	const struct secret *hcloud_token;
	const struct secret *authorities; /* from authorities_make() */
	const struct secret *join_token;
};

/* Needs only cluster_id, cluster_name, network_range and router_address; holds
 * no secret. */
bool bootstrap_gateway(const struct bootstrap *values, struct secret *user_data,
	struct err *err);

/*
 * The control plane of index 0 begins the cluster if it may, unless the cluster
 * already lives; only then does it carry the API token. A cluster that was
 * ready once is never begun again, however silent it is. All carry the
 * authorities and the join token.
 */
bool bootstrap_control_plane(const struct bootstrap *values, int index,
	struct secret *user_data, struct err *err);

/* The manifest of the Secret that holds the API token: for a cluster that lives
 * already. Needs only network_name and hcloud_token. */
bool bootstrap_hcloud_secret(const struct bootstrap *values,
	struct secret *manifest, struct err *err);

/* Carries a token derived from the join token, good for workers only. */
bool bootstrap_worker(const struct bootstrap *values, int index,
	struct secret *user_data, struct err *err);
