/*
 * The dashboard: a page, served to the one person who started it. It comes to
 * the database as byoc_dashboard may, and to nothing else.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/settings.h>

struct dashboard_options {
	const char *listen; /* ADDRESS:PORT */
	const char *host; /* what browsers call the page; NULL: that address */
	/* The secret half of the key that kubeconfigs are sealed to; NULL: none
	 * are opened here. */
	const char *recipient_file;
};

/* Prints the address with its login token, and serves until SIGINT or
 * SIGTERM. */
bool dashboard_run(const struct settings *settings,
	const struct dashboard_options *options, struct err *err);
