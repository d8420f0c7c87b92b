/* The command that serves the page. */
#include "commands.h"

#include <byoc/dashboard.h>

static int run_dashboard(struct call *call)
{
	const struct dashboard_options options = {
		.listen = option_value(call, OPTION_LISTEN),
		.host = call->option[OPTION_HOST],
		.recipient_file = call->option[OPTION_RECIPIENT_KEY],
	};
	struct err err = {0};

	if (!dashboard_run(&call->settings, &options, &err))
		return fail(&err);
	return DONE;
}

const struct command dashboard_command = {
	.verb = "dashboard",
	.summary = "a page in the browser, for whoever starts it",
	.details = "Prints an address that logs in once. It needs no more than "
		   "the database role\nbyoc_dashboard, the broker's user "
		   "dashboard, whose queue of events it empties, and a\nfolder "
		   "with the public key alone (the file .pub), which seals "
		   "tokens. With the file of\na recipient's key (see `byoc "
		   "kubeconfig keygen --help`) it opens kubeconfigs, and new\n"
		   "credentials name that recipient.\n\n"
		   "It speaks plain HTTP. Where others can come to --listen, "
		   "put TLS in front; browsers\nhave to call the page by "
		   "that address, a name of this machine's loopback, or "
		   "--host.",
	.takes = BIT(OPTION_LISTEN) | BIT(OPTION_HOST) |
		 BIT(OPTION_RECIPIENT_KEY),
	.needs = NEED_DATABASE | NEED_BROKER | NEED_KEYS,
	.run = run_dashboard,
};
