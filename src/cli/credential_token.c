/*
 * Credential commands that have to do with tokens: storing one, replacing it,
 * and having it judged. The judging is a worker's: here it is only waited for.
 */
#include "commands.h"

#include "table.h"
#include "token.h"
#include <byoc/clock.h>
#include <byoc/json.h>
#include <byoc/recipient.h>
#include <byoc/seal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POLL_MS = 200 };

/* Reads the token and seals it for a credential; the caller frees. */
static char *read_sealed(const struct call *call, const char *id, int *status)
{
	char context[SEAL_CONTEXT_SIZE];
	char *sealed = NULL;
	struct secret token;
	struct err err = {0};
	struct keyring *keyring =
		keyring_load(call->settings.key_dir, false, &err);

	if (keyring &&
		token_read(call->option[OPTION_TOKEN_FILE], &token, &err)) {
		seal_context(context, "credential", id, "token");
		seal(keyring, context, token.bytes, token.size, &sealed, &err);
		secret_clear(&token);
	}
	keyring_free(keyring);
	if (err.kind)
		*status = fail(&err);
	return err.kind ? NULL : sealed;
}

/* Says what was found; gives the command's status. */
static int tell_verdict(struct json_object *credential)
{
	struct err err = {0};
	const struct json_in in = {credential, "credential", &err};
	const char *name = json_text_ref(&in, "name");
	const char *status = json_text_ref(&in, "status");
	const char *reason = json_opt_text_ref(&in, "reason");
	bool goes_on = false;

	json_flag(&in, "token_in_use", &goes_on);
	if (err.kind)
		return fail(&err);
	if (strcmp(status, "invalid") == 0)
		return fail_saying("credential '%s' is invalid: %s%s", name,
			reason ? reason : "no reason was given",
			goes_on ? " Until then its clusters go on with the "
				  "token they have."
				: "");
	if (strcmp(status, "ready") != 0)
		return fail_saying("credential '%s' is %s again", name, status);
	remark("credential '%s' is ready", name);
	return DONE;
}

/* Has it been judged since `before` (NULL: ever)? */
static bool judged(struct json_object *credential, const char *before)
{
	struct err ignored = {0};
	const struct json_in in = {credential, "credential", &ignored};
	const char *now = json_opt_text_ref(&in, "validated_at");

	return now && (!before || strcmp(now, before) != 0);
}

/* What has kept a worker from it, if one has tried. */
static int tell_no_verdict(struct call *call, const char *id, int timeout_s)
{
	struct err err = {0};
	struct json_object *credential =
		console_credential(call->store, id, &err);
	const struct json_in in = {credential, "credential", &err};

	if (!credential)
		return fail(&err);
	const char *reason = json_opt_text_ref(&in, "reason");
	int status =
		reason ? fail_saying("the token cannot be checked: %s", reason)
		       : fail_saying("no worker has judged the token within "
				     "%d s: is one running? It will be judged "
				     "as soon as one is",
				 timeout_s);
	json_free(credential);
	return status;
}

/* Waits for a worker's verdict; gives the credential then, or NULL. */
static struct json_object *await_verdict(
	struct call *call, const char *id, const char *before, int *status)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000};
	int timeout_s = option_number(call, OPTION_TIMEOUT);
	int64_t deadline_ms = clock_now_ms() + 1000LL * timeout_s;
	struct err err = {0};

	while (clock_now_ms() < deadline_ms) {
		err_clear(&err);
		struct json_object *found =
			console_credential(call->store, id, &err);
		if (found && judged(found, before)) {
			*status = DONE;
			return found;
		}
		json_free(found);
		if (err.kind && err.kind != ERR_RETRY)
			break;
		nanosleep(&pause, NULL);
		if (err.kind)
			console_reconnect(call->store, &err);
	}
	*status = err.kind ? fail(&err) : tell_no_verdict(call, id, timeout_s);
	return NULL;
}

/* With --wait waits; then shows the credential, or its id alone. */
static int finish(
	struct call *call, const char *id, const char *before, bool show_id)
{
	struct json_object *credential = NULL;
	struct err err = {0};
	int status = DONE;

	if (show_id && !call->json)
		puts(id);
	if (call->option[OPTION_WAIT]) {
		credential = await_verdict(call, id, before, &status);
		if (credential)
			status = tell_verdict(credential);
	}
	if (call->json && !credential) {
		credential = console_credential(call->store, id, &err);
		if (!credential)
			status = fail(&err);
	}
	if (call->json && credential)
		json_print(credential);
	json_free(credential);
	return status;
}

static int run_add(struct call *call)
{
	char id[UUID_SIZE];
	char recipient[RECIPIENT_KEY_SIZE];
	const char *file = call->option[OPTION_RECIPIENT];
	struct err err = {0};
	int status = FAILED;

	if (file && !recipient_read(file, recipient, &err))
		return fail(&err);
	uuid_make(id);
	char *sealed = read_sealed(call, id, &status);
	if (!sealed)
		return status;
	bool ok = console_add_credential(call->store, id,
		call->option[OPTION_NAME], sealed, file ? recipient : NULL,
		&err);
	free(sealed);
	return ok ? finish(call, id, NULL, true) : fail(&err);
}

const struct command credential_add_command = {
	.noun = "credential",
	.verb = "add",
	.summary = "store an API token, sealed, and have it judged",
	.details = "Asks for the token, or reads it from a file or a pipe: it "
		   "is never an argument,\nwhere others could see it. Prints "
		   "the id. A worker then asks Hetzner whether the\ntoken may "
		   "read and write:\n\n"
		   "  byoc credential add --name acme --wait < token.txt\n\n"
		   "With --recipient, kubeconfigs of its clusters can be asked "
		   "for by a job; they open\nwith that key's secret half only, "
		   "see `byoc kubeconfig keygen --help`.",
	.takes = BIT(OPTION_NAME) | BIT(OPTION_RECIPIENT) |
		 BIT(OPTION_TOKEN_FILE) | BIT(OPTION_WAIT) |
		 BIT(OPTION_TIMEOUT) | BIT(OPTION_OUTPUT),
	.requires = BIT(OPTION_NAME),
	.needs = NEED_DATABASE | NEED_KEYS,
	.store = true,
	.run = run_add,
};

/* The moment of the last verdict; the caller frees. NULL: none so far. */
static char *last_verdict(struct call *call, const char *id, struct err *err)
{
	struct json_object *credential =
		console_credential(call->store, id, err);
	const struct json_in in = {credential, "credential", err};
	const char *moment = json_opt_text_ref(&in, "validated_at");
	char *copy = moment ? memory_copy_text(moment) : NULL;

	json_free(credential);
	return copy;
}

static int run_rotate(struct call *call)
{
	char id[UUID_SIZE];
	struct err err = {0};
	int status = FAILED;

	if (!console_find_credential(call->store, call->arguments[0], id, &err))
		return fail(&err);
	char *sealed = read_sealed(call, id, &status);
	if (!sealed)
		return status;
	char *before = last_verdict(call, id, &err);
	bool ok = !err.kind &&
		  console_rotate_credential(call->store, id, sealed,
			  call->option[OPTION_ANY_PROJECT] != NULL, &err);
	free(sealed);
	status = ok ? finish(call, id, before, false) : fail(&err);
	free(before);
	return status;
}

const struct command credential_rotate_command = {
	.noun = "credential",
	.verb = "rotate",
	.arguments = "ID",
	.summary = "give a credential a new token",
	.details = "The new token takes the old one's place once a worker has "
		   "found it good; until\nthen clusters go on with the old "
		   "one. It has to be of the project that the clusters\nare "
		   "in: something of theirs is looked for with it. Only where "
		   "everything of theirs\nwas removed there by hand is "
		   "--any-project needed.",
	.takes = BIT(OPTION_TOKEN_FILE) | BIT(OPTION_ANY_PROJECT) |
		 BIT(OPTION_WAIT) | BIT(OPTION_TIMEOUT) | BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE | NEED_KEYS,
	.store = true,
	.run = run_rotate,
};

static int run_validate(struct call *call)
{
	char id[UUID_SIZE];
	struct err err = {0};

	if (!console_find_credential(call->store, call->arguments[0], id, &err))
		return fail(&err);
	char *before = last_verdict(call, id, &err);
	bool ok =
		!err.kind && console_validate_credential(call->store, id, &err);
	int status = ok ? finish(call, id, before, false) : fail(&err);
	free(before);
	return status;
}

const struct command credential_validate_command = {
	.noun = "credential",
	.verb = "validate",
	.arguments = "ID",
	.summary = "have its token judged again",
	.takes = BIT(OPTION_WAIT) | BIT(OPTION_TIMEOUT) | BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_validate,
};
