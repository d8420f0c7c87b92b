/*
 * The dashboard: a page, served on loopback to the one person who started it.
 * It comes to the database as byoc_dashboard may, and to nothing else.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/settings.h>

/*
 * Prints the address with its login token, and serves until SIGINT or SIGTERM.
 * `listen` is 127.0.0.1:PORT. `recipient_file` holds the secret half of the key
 * that kubeconfigs are sealed to; NULL: none are opened here.
 */
bool dashboard_run(const struct settings *settings, const char *listen,
	const char *recipient_file, struct err *err);
