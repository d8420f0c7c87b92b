/* Credential commands that look at records, or remove one. */
#include "commands.h"

#include "table.h"
#include <byoc/json.h>
#include <byoc/memory.h>

static const struct column list_columns[] = {
	{"ID", "id", FORM_SHORT_ID},
	{"NAME", "name", FORM_PLAIN},
	{"STATUS", "status", FORM_PLAIN},
	{"CODE", "code", FORM_PLAIN},
	{"CREATED", "created_at", FORM_MOMENT},
	{"JUDGED", "validated_at", FORM_MOMENT},
};

static const struct column show_columns[] = {
	{"ID", "id", FORM_PLAIN},
	{"Name", "name", FORM_PLAIN},
	{"Status", "status", FORM_PLAIN},
	{"Code", "code", FORM_PLAIN},
	{"Reason", "reason", FORM_PLAIN},
	{"Recipient", "recipient_key", FORM_PLAIN},
	{"Created", "created_at", FORM_MOMENT},
	{"Judged", "validated_at", FORM_MOMENT},
};

static int run_list(struct call *call)
{
	struct err err = {0};
	struct json_object *list = console_credentials(call->store, &err);

	return list ? print_list(call->json, list, list_columns,
			      COUNT(list_columns),
			      "There are no credentials yet: see "
			      "`byoc credential add --help`.")
		    : fail(&err);
}

const struct command credential_list_command = {
	.noun = "credential",
	.verb = "list",
	.summary = "all credentials",
	.takes = BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_list,
};

static int run_show(struct call *call)
{
	char id[UUID_SIZE];
	struct err err = {0};

	if (!console_find_credential(call->store, call->arguments[0], id, &err))
		return fail(&err);
	struct json_object *credential =
		console_credential(call->store, id, &err);
	if (!credential)
		return fail(&err);
	if (call->json)
		json_print(credential);
	else
		fields_print(credential, show_columns, COUNT(show_columns));
	json_free(credential);
	return DONE;
}

const struct command credential_show_command = {
	.noun = "credential",
	.verb = "show",
	.arguments = "ID",
	.summary = "one credential and what was found about its token",
	.takes = BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_show,
};

static int run_delete(struct call *call)
{
	char id[UUID_SIZE];
	bool was_there = true;
	struct err err = {0};

	if (!console_find_credential(
		    call->store, call->arguments[0], id, &err) ||
		!console_delete_credential(call->store, id, &was_there, &err))
		return fail(&err);
	printf("credential %s is deleted%s\n", id,
		was_there ? ", its token wiped" : " already");
	return DONE;
}

const struct command credential_delete_command = {
	.noun = "credential",
	.verb = "delete",
	.arguments = "ID",
	.summary = "forget a token that no cluster needs any more",
	.details = "Wipes the token here; at Hetzner it stays good until it "
		   "is removed there.",
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_delete,
};
