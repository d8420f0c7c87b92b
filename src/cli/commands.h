/* The entries of the table of commands, each in the file of its group. */
#pragma once

#include "command.h"

extern const struct command keygen_command;
extern const struct command migrate_command;
extern const struct command topology_command;
extern const struct command status_command;
extern const struct command codes_command;
extern const struct command dashboard_command;

extern const struct command credential_add_command;
extern const struct command credential_validate_command;
extern const struct command audit_command;
extern const struct command completion_command;
extern const struct command manual_command;
extern const struct command events_command;
extern const struct command credential_rotate_command;
extern const struct command credential_show_command;
extern const struct command credential_list_command;
extern const struct command credential_delete_command;
extern const struct command credential_reseal_command;
extern const struct command credential_limits_command;
extern const struct command credential_recipient_command;

extern const struct command cluster_create_command;
extern const struct command cluster_list_command;
extern const struct command cluster_show_command;
extern const struct command cluster_watch_command;
extern const struct command cluster_timeline_command;
extern const struct command cluster_cost_command;
extern const struct command cluster_delete_command;
extern const struct command cluster_retry_command;
extern const struct command cluster_repair_command;
extern const struct command cluster_protect_command;
extern const struct command cluster_unprotect_command;
extern const struct command cluster_kubeconfig_command;
extern const struct command cluster_ssh_key_command;

extern const struct command kubeconfig_keygen_command;
extern const struct command kubeconfig_open_command;

extern const struct command dead_list_command;
extern const struct command dead_show_command;
extern const struct command dead_requeue_command;
extern const struct command dead_drop_command;
