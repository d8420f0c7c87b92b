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

bool bootstrap_gateway(const struct bootstrap *values, struct secret *user_data,
	struct err *err)
{
	struct values list = {0};

	values_text(&list, "cluster_name", values->cluster_name);
	values_text(&list, "network_range", values->network_range);
	values_text(&list, "nat_gateway_script", script_nat_gateway);
	bool ok = render_user_data(template_gateway, &list, user_data, err);
	values_clear(&list);
	return ok;
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
	values_text(list, "cluster_id", values->cluster_id);
	values_text(list, "cluster_name", values->cluster_name);
	values_text(list, "router_address", values->router_address);
	values_text(
		list, "load_balancer_address", values->load_balancer_address);
	values_text(list, "node_script", script_node);
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

/* What only the node that may begin the cluster needs. */
static bool add_first_files(
	struct values *list, const struct bootstrap *values, struct err *err)
{
	values_text(list, "location", values->location);
	values_text(list, "network_name", values->network_name);
	values_text(list, "cloud_controller_version",
		CLOUD_CONTROLLER_CHART_VERSION);
	values_text(list, "volume_driver_version", VOLUME_DRIVER_CHART_VERSION);
	values_secret(list, "hcloud_token", values->hcloud_token);
	return add_volume_label(list, values->volume_label, err) &&
	       values_render(list, "hcloud_secret_manifest",
		       template_hcloud_secret, err) &&
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
	if (index > 0)
		values_text(&list, "first_files", "");
	bool ok = add_node_values(&list, values, &control_plane, index, err) &&
		  add_authorities(&list, values->authorities, err) &&
		  (index > 0 || add_first_files(&list, values, err)) &&
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
