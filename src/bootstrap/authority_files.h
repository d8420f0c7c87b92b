/* The cluster's authorities as values for templates. */
#pragma once

#include "render.h"

/* Takes one file of the bundle out: "server-ca.crt", "etcd/peer-ca.key". */
bool take_authority(const struct secret *bundle, const char *path,
	struct secret *pem, struct err *err);

/* Adds every file of the bundle under its path. */
bool add_authorities(
	struct values *values, const struct secret *bundle, struct err *err);
