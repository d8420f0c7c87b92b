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
	const char *cluster_id;      /* uuid */
	const char *cluster_name;    /* RFC 1123 label */
	const char *location;        /* fsn1, ... */
	const char *network_name;    /* its name at Hetzner */
	const char *network_range;   /* "10.0.0.0/16" */
	const char *router_address;  /* Hetzner's router, "10.0.0.1" */
	const char *gateway_address; /* the NAT gateway's private address */
	const char *load_balancer_address; /* public IPv4 of the API */
	const char *volume_label; /* "key=value" that the CSI driver adds */
	bool highly_available;    /* 3 control planes */
	const struct secret *hcloud_token;
	const struct secret *authorities; /* from authorities_make() */
	const struct secret *join_token;
};

/* Needs only cluster_name and network_range; holds no secret. */
bool bootstrap_gateway(const struct bootstrap *values, struct secret *user_data,
	struct err *err);

/*
 * The control plane of index 0 begins the cluster unless it already lives; only
 * it carries the API token. All carry the authorities and the join token.
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
