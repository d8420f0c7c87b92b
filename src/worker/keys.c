/* The keys of a cluster: made once, before its first server, and sealed. */
#include "keys.h"

#include <byoc/clock.h>
#include <byoc/cluster_keys.h>
#include <stdio.h>
#include <stdlib.h>

static bool seal_for(struct worker *worker, struct flight *flight,
	const char *what, const struct secret *plain, const char **sealed,
	struct err *err)
{
	char context[SEAL_CONTEXT_SIZE];
	char *text = NULL;

	seal_context(context, "cluster", flight->job.subject, what);
	if (!seal_own(worker->keyring, context, plain, &text, err))
		return false;
	*sealed = arena_copy_text(flight->arena, text);
	free(text);
	return true;
}

static bool make_ssh_key(
	struct worker *worker, struct flight *flight, struct err *err)
{
	struct cluster *cluster = &flight->facts.cluster;
	struct secret private_key = {0};
	char *public_line = NULL;

	bool ok =
		ssh_key_make(cluster->name, &private_key, &public_line, err) &&
		seal_for(worker, flight, "ssh_private_key", &private_key,
			&cluster->sealed_ssh_private_key, err);
	if (ok)
		snprintf(cluster->ssh_public_key,
			sizeof cluster->ssh_public_key, "%s", public_line);
	free(public_line);
	secret_clear(&private_key);
	return ok;
}

bool keys_make(struct worker *worker, struct flight *flight, struct err *err)
{
	struct cluster *cluster = &flight->facts.cluster;
	struct secret authorities = {0};
	struct secret join_token = {0};

	join_token_make(&join_token);
	bool ok = authorities_make(clock_unix_ms() / 1000, &authorities, err) &&
		  seal_for(worker, flight, "authorities", &authorities,
			  &cluster->sealed_authorities, err) &&
		  seal_for(worker, flight, "join_token", &join_token,
			  &cluster->sealed_join_token, err) &&
		  make_ssh_key(worker, flight, err);
	secret_clear(&authorities);
	secret_clear(&join_token);
	return ok;
}
