/* Whom the kubeconfigs of a credential's clusters are sealed to. */
#include "commands.h"

#include <byoc/recipient.h>

static int run_recipient(struct call *call)
{
	char id[UUID_SIZE];
	char key[RECIPIENT_KEY_SIZE];
	struct err err = {0};

	if (!console_find_credential(
		    call->store, call->arguments[0], id, &err) ||
		!recipient_read(call->arguments[1], key, &err) ||
		!console_set_recipient(call->store, id, key, &err))
		return fail(&err);
	printf("kubeconfigs of credential %s are sealed to %s from now on\n",
		id, key);
	return DONE;
}

const struct command credential_recipient_command = {
	.noun = "credential",
	.verb = "recipient",
	.arguments = "ID FILE",
	.summary = "seal the kubeconfigs of its clusters to another key",
	.details =
		"FILE is the public half, as `byoc kubeconfig keygen` makes "
		"it. Only an operator may\ndo this: whoever has the secret "
		"half gets into every cluster of the credential.\nKubeconfigs "
		"that were minted before stay good until they end.",
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_recipient,
};
