/*
 * Puts the user_data of gateway and nodes together: the values, which template
 * is made of which, and the limit.
 */
#include "authority_files.h"
#include "join_tokens.h"
#include "templates.h"
#include "versions.h"

#include <byoc/bootstrap.h>
#include <stdio.h>
#include <string.h>

struct role {
	const char *name;
	const char *k3s_role;    /* what the installer is told */
	const char *k3s_service; /* what it calls the unit then */
};

static const struct role control_plane = {"control-plane", "server", "k3s"};
static const struct role worker = {"worker", "agent", "k3s-agent"};

/* Renders the outermost template, which may be no longer than Hetzner takes. */
static bool render_user_data(const char *template, const struct values *values,
	struct secret *user_data, struct err *err)
{
	struct secret out;

	if (!render(template, values, &out, err))
		return false;
	if (out.size > USER_DATA_MAX) {
		err_set(err, ERR_BUG, "user_data_too_large",
			"user_data has %zu bytes, %zu more than Hetzner takes",
			out.size, out.size - USER_DATA_MAX);
		secret_clear(&out);
		return false;
	}
	*user_data = out;
	return true;
}

/* A time of day, always two digits each. */
static void add_time(
	struct values *list, const char *name, unsigned hour, unsigned minute)
{
	char time[8];

	int size = snprintf(time, sizeof time, "%02u:%02u", hour, minute);
	values_copy(list, name, time, (size_t)size);
}

/* The night's restart of the gateway, at a minute of its own for each cluster:
 * between two and five, by the id's first digits. */
static bool add_reboot_time(
	struct values *list, const char *cluster_id, struct err *err)
{
	unsigned spread;

	if (!cluster_id || sscanf(cluster_id, "%4x", &spread) != 1)
		return err_set(err, ERR_BUG, "bootstrap_cluster_id",
			"the cluster's id is not a uuid");
	spread %= 3 * 60;
	add_time(list, "reboot_time", 2 + spread / 60, spread % 60);
	return true;
}

bool bootstrap_gateway(const struct bootstrap *values, struct secret *user_data,
	struct err *err)
{
	struct values list = {0};

	values_text(&list, "cluster_name", values->cluster_name);
	values_text(&list, "network_range", values->network_range);
	values_text(&list, "router_address", values->router_address);
	values_text(&list, "relay_to",
		values->relay_to ? values->relay_to : "nowhere");
	values_text(&list, "nat_gateway_script", script_nat_gateway);
	bool ok = add_reboot_time(&list, values->cluster_id, err) &&
		  render_user_data(template_gateway, &list, user_data, err);
	values_clear(&list);
	return ok;
}

/*
 * When k3s may be restarted for its certificates: control planes on different
 * days, so that one that does not come back is alone; workers on the day after,
 * in a minute of their own.
 */
static void add_restart_time(
	struct values *list, const struct role *role, int index)
{
	static const char *const days[] = {"Mon", "Tue", "Wed"};
	bool is_worker = role == &worker;
	unsigned minute = is_worker ? (unsigned)index % 180 : 0;

	values_text(list, "restart_day", is_worker ? "Thu" : days[index]);
	add_time(list, "restart_time", 2 + minute / 60, minute % 60);
}

static bool add_node_values(struct values *list, const struct bootstrap *values,
	const struct role *role, int index, struct err *err)
{
	char number[16];

	int size = snprintf(number, sizeof number, "%d", index);
	values_copy(list, "index", number, (size_t)size);
	values_text(list, "role", role->name);
	values_text(list, "k3s_role", role->k3s_role);
	values_text(list, "k3s_service", role->k3s_service);
	values_text(list, "k3s_version", K3S_VERSION);
	values_text(list, "k3s_sha256", K3S_SHA256);
	values_text(list, "k3s_installer_sha256", K3S_INSTALLER_SHA256);
	values_text(list, "cluster_id", values->cluster_id);
	values_text(list, "cluster_name", values->cluster_name);
	values_text(list, "router_address", values->router_address);
	values_text(
		list, "load_balancer_private", values->load_balancer_private);
	values_text(list, "node_script", script_node);
	values_text(list, "certificates_script", script_certificates);
	add_restart_time(list, role, index);
	return add_join_tokens(
		list, values->authorities, values->join_token, err);
}

/* "key=value" in two. */
static bool add_volume_label(
	struct values *list, const char *label, struct err *err)
{
	const char *equals = strchr(label, '=');

	if (!equals)
		return err_set(err, ERR_BUG, "bootstrap_label",
			"the volumes' label is not of the form key=value");
	values_copy(list, "volume_label_key", label, (size_t)(equals - label));
	values_text(list, "volume_label_value", equals + 1);
	return true;
}

/* Where there are workers, control planes are for what the cluster itself
 * needs: a pod there is closer to its keys than any other. */
static bool add_control_plane_values(
	struct values *list, const struct bootstrap *values, struct err *err)
{
	values_text(list, "load_balancer_public", values->load_balancer_public);
	values_text(list, "pod_security", values->pod_security);
	values_text(list, "disabled_ingress",
		values->has_ingress ? "" : "- traefik\n");
	values_text(list, "node_taint",
		values->has_workers
			? "node-taint:\n  - CriticalAddonsOnly=true:NoExecute\n"
			: "");
	return add_authorities(list, values->authorities, err);
}

/* What only the node that may begin the cluster needs. */
static bool add_first_files(struct values *list, const struct bootstrap *values,
	int index, struct err *err)
{
	if (index > 0 || !values->may_begin) {
		values_text(list, "first_files", "");
		return true;
	}
	values_text(list, "location", values->location);
	values_text(list, "network_name", values->network_name);
	values_text(list, "balancer_type", values->balancer_type);
	values_text(list, "cloud_controller_version",
		CLOUD_CONTROLLER_CHART_VERSION);
	values_text(
		list, "cloud_controller_sha256", CLOUD_CONTROLLER_CHART_SHA256);
	values_text(list, "volume_driver_version", VOLUME_DRIVER_CHART_VERSION);
	values_text(list, "volume_driver_sha256", VOLUME_DRIVER_CHART_SHA256);
	values_secret(list, "hcloud_token", values->hcloud_token);
	return add_volume_label(list, values->volume_label, err) &&
	       values_render(list, "hcloud_secret_manifest",
		       template_hcloud_secret, err) &&
	       values_render(list, "administrators_manifest",
		       template_administrators, err) &&
	       values_render(list, "cloud_controller_manifest",
		       template_cloud_controller, err) &&
	       values_render(list, "volume_driver_manifest",
		       template_volume_driver, err) &&
	       values_render(list, "first_files", template_first_files, err);
}

bool bootstrap_control_plane(const struct bootstrap *values, int index,
	struct secret *user_data, struct err *err)
{
	const int count = values->highly_available ? 3 : 1;
	struct values list = {0};

	if (index < 0 || index >= count)
		return err_set(err, ERR_BUG, "bootstrap_index",
			"there is no control plane %d of %d", index, count);
	bool ok = add_node_values(&list, values, &control_plane, index, err) &&
		  add_control_plane_values(&list, values, err) &&
		  add_first_files(&list, values, index, err) &&
		  values_render(&list, "role_files",
			  template_control_plane_files, err) &&
		  render_user_data(template_node, &list, user_data, err);
	values_clear(&list);
	return ok;
}

bool bootstrap_hcloud_secret(const struct bootstrap *values,
	struct secret *manifest, struct err *err)
{
	struct values list = {0};

	values_text(&list, "network_name", values->network_name);
	values_secret(&list, "hcloud_token", values->hcloud_token);
	bool ok = render(template_hcloud_secret, &list, manifest, err);
	values_clear(&list);
	return ok;
}

bool bootstrap_worker(const struct bootstrap *values, int index,
	struct secret *user_data, struct err *err)
{
	struct values list = {0};

	bool ok = add_node_values(&list, values, &worker, index, err) &&
		  values_render(
			  &list, "role_files", template_worker_files, err) &&
		  render_user_data(template_node, &list, user_data, err);
	values_clear(&list);
	return ok;
}
