/*
 * For whoever gets kubeconfigs: a key pair that they are sealed to, and opening
 * one. Needs no settings and no door: on the recipient's own machine.
 */
#include "commands.h"

#include "secret_text.h"
#include <byoc/recipient.h>
#include <stdlib.h>
#include <string.h>

enum { SEALED_MOST = 64 * 1024 };

static int run_keygen(struct call *call)
{
	const char *path = call->arguments[0];
	struct err err = {0};

	if (!recipient_make(path, &err))
		return fail(&err);
	printf("%s      opens kubeconfigs: keep it to yourself\n"
	       "%s.pub  is what they are sealed to: store it with the token\n",
		path, path);
	return DONE;
}

const struct command kubeconfig_keygen_command = {
	.noun = "kubeconfig",
	.verb = "keygen",
	.arguments = "FILE",
	.summary = "make a key pair that kubeconfigs are sealed to",
	.details =
		"FILE takes the secret half, FILE.pub the public one. What "
		"clusters of a credential\nare asked for opens with that "
		"credential's key alone:\n\n"
		"  byoc kubeconfig keygen ops.key\n"
		"  byoc credential add --name acme --recipient ops.key.pub < "
		"token.txt",
	.run = run_keygen,
};

/* Reads base64, which is no secret; line ends around it do not matter. */
static bool read_sealed(char *sealed, size_t size, struct err *err)
{
	size_t used = fread(sealed, 1, size - 1, stdin);

	sealed[used] = '\0';
	if (used == size - 1)
		return err_set(err, ERR_BAD_INPUT, "sealed_malformed",
			"standard input is too long to be a sealed kubeconfig");
	while (used && strchr(" \r\n", sealed[used - 1]))
		sealed[--used] = '\0';
	return true;
}

static int run_open(struct call *call)
{
	static char sealed[SEALED_MOST];
	struct secret kubeconfig = {0};
	struct err err = {0};
	bool ok =
		read_sealed(sealed, sizeof sealed, &err) &&
		recipient_open(call->arguments[0], sealed, &kubeconfig, &err) &&
		secret_print(&kubeconfig, &err);

	secret_clear(&kubeconfig);
	return ok ? DONE : fail(&err);
}

const struct command kubeconfig_open_command = {
	.noun = "kubeconfig",
	.verb = "open",
	.arguments = "FILE",
	.summary = "open a kubeconfig that came by an event",
	.details = "FILE is the secret half of the recipient's key. Reads "
		   "data.sealed_kubeconfig of the\nevent from standard "
		   "input:\n\n"
		   "  (umask 077; byoc kubeconfig open ops.key < sealed > "
		   "kubeconfig)",
	.run = run_open,
};
