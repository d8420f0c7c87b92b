/*
 * Settings come from the environment, once, in main(), and are passed down.
 * Each NAME may be given as NAME_FILE, a file that holds the value. One table
 * serves reading, checking, --help and the README.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/log.h>
#include <byoc/secret.h>
#include <stdio.h>

struct settings {
	struct secret database_url; /* libpq URI; may hold a password */
	struct secret amqp_url;     /* amqp:// or amqps:// URI with vhost */
	char *amqp_ca_file;         /* PEM; empty: the system's */
	char *key_dir;
	char *hcloud_endpoint; /* without a slash at its end */
	char *hcloud_ca_file;  /* PEM; empty: the system's */
	char *worker_sources;  /* CIDRs by comma; empty or "none" */
	char *http_listen;     /* ADDR:PORT */
	char *traces_endpoint; /* URL; empty: none */
	int max_in_flight;
	int drain_timeout_s;
	int insecure_transport; /* 1: transport.h's complaints are no obstacle
				 */
	enum log_level log_level;
	enum log_format log_format;
};

/* What a program needs; anything else may stay unset. */
enum settings_need {
	NEED_DATABASE = 1 << 0,
	NEED_BROKER = 1 << 1,
	NEED_KEYS = 1 << 2,
	NEED_HETZNER = 1 << 3,
};

/*
 * Reads and checks the settings named by `needs`. All that is wrong is said
 * together, a line each, in `complaints` (the caller frees; NULL when all is
 * well). Plain http to Hetzner is refused except for loopback addresses.
 */
bool settings_read(
	struct settings *settings, unsigned needs, char **complaints);
void settings_clear(struct settings *settings);

/* The table of settings for people: name, meaning, default. */
void settings_print(FILE *out);
