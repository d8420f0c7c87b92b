/*
 * What servers join their cluster with. The cluster's join token makes a
 * control plane out of whoever has it; workers get one that is derived from it
 * and makes no more than a worker.
 */
#pragma once

#include "render.h"

/*
 * Adds "join_token" and "agent_token", the bare passwords, and
 * "full_join_token" and "full_agent_token", which carry the hash of the server
 * authority as well: k3s checks it before it tells anyone the password.
 */
bool add_join_tokens(struct values *values, const struct secret *bundle,
	const struct secret *join_token, struct err *err);
