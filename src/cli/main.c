/*
 * byoc, the operator's command: finds the command, reads its options, then the
 * settings it needs, opens the database if it wants that, and runs it.
 */
#include "command.h"

#include <byoc/memory.h>
#include <byoc/transport.h>
#include <byoc_commit.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int refuse_word(const char *noun, const char *word)
{
	const struct command *whole = noun ? NULL : command_of_verb(word);
	const char *guess = whole ? whole->verb : command_guess(noun, word);
	char said[COMMAND_NAME_SIZE], meant[COMMAND_NAME_SIZE];

	command_name(noun, word, said);
	if (*word == '-')
		fail_saying("options come after the command, as in `byoc "
			    "cluster list --output json`");
	else if (guess)
		fail_saying("there is no command '%s'; did you mean '%s'?",
			said,
			command_name(whole ? whole->noun : noun, guess, meant));
	else
		fail_saying("there is no command '%s'", said);
	fprintf(stderr, "See `byoc %s`.\n", command_name(noun, "--help", said));
	return USAGE;
}

static bool asks_for_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
	       strcmp(word, "help") == 0;
}

static bool asks_for_version(const char *word)
{
	return strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 ||
	       strcmp(word, "version") == 0;
}

/* Says each line by itself. */
static void tell(char *lines, const char *before)
{
	for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"))
		fail_saying("%s%s", before, line);
}

/* Who wants to go without TLS is told each time what that means. */
static bool roads_private(const struct settings *settings)
{
	char *complaints = transport_complaints(settings);
	bool go = !complaints || settings->insecure_transport;

	if (complaints)
		tell(complaints, go ? "warning: " : "");
	free(complaints);
	return go;
}

/* Takes each setting that the command needs, or says which are amiss. */
static bool take_settings(struct call *call)
{
	char *complaints;

	if (settings_read(&call->settings, call->command->needs, &complaints))
		return roads_private(&call->settings);
	tell(complaints, "");
	free(complaints);
	return false;
}

static int run(struct call *call)
{
	struct err err = {0};

	if (!take_settings(call))
		return FAILED;
	if (call->command->store) {
		call->store = console_open(&call->settings.database_url, &err);
		if (!call->store)
			return fail(&err);
	}
	return call->command->run(call);
}

static int call_command(const struct command *command, int argc, char **argv)
{
	struct call call = {.command = command};
	int status = options_read(&call, argc, argv);

	if (status == DONE && call.option[OPTION_HELP])
		help_command(command, stdout);
	else if (status == DONE)
		status = run(&call);
	console_free(call.store);
	settings_clear(&call.settings);
	return status;
}

static int call_noun(const struct noun *noun, int argc, char **argv)
{
	if (argc < 2) {
		help_noun(noun, stderr);
		return USAGE;
	}
	if (asks_for_help(argv[1])) {
		help_noun(noun, stdout);
		return DONE;
	}
	const struct command *command = command_find(noun->name, argv[1]);
	return command ? call_command(command, argc - 1, argv + 1)
		       : refuse_word(noun->name, argv[1]);
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2) {
		help_overview(stderr);
		return USAGE;
	}
	/* `byoc help cluster` is `byoc cluster help`. */
	if (strcmp(argv[1], "help") == 0 && argc > 2) {
		argv[1] = argv[2];
		argv[2] = argc > 3 ? argv[3] : "--help";
		if (argc > 3)
			argv[3] = "--help";
	}
	if (asks_for_help(argv[1])) {
		help_overview(stdout);
		return DONE;
	}
	if (asks_for_version(argv[1])) {
		puts("byoc " BYOC_VERSION " (" BYOC_COMMIT ")");
		return DONE;
	}
	const struct noun *noun = noun_find(argv[1]);
	if (noun)
		return call_noun(noun, argc - 1, argv + 1);
	const struct command *command = command_find(NULL, argv[1]);
	return command ? call_command(command, argc - 1, argv + 1)
		       : refuse_word(NULL, argv[1]);
}

int main(int argc, char **argv)
{
	secret_harden_process();
	/* All that is written is UTF-8, whatever the terminal makes of it. */
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
	tzset();
	int status = dispatch(argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		fail_saying("cannot write the output: %s", strerror(errno));
		return FAILED;
	}
	return status;
}
