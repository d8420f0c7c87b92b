/*
 * Reads a command's options by their table, and checks that all that has to be
 * there is there, and no more.
 */
#include "option_table.h"

#include <byoc/guess.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* Options of getopt_long count from here; below are letters. */
enum { FIRST_LONG = 256 };

static bool takes(const struct command *command, enum option_id id)
{
	return id == OPTION_HELP || (command->takes & BIT(id));
}

static void describe(const struct command *command,
	struct option list[OPTION_COUNT + 1], char letters[2 * OPTION_COUNT])
{
	size_t count = 0;
	size_t used = 0;

	letters[used++] = ':';
	for (int id = 0; id < OPTION_COUNT; id++) {
		const struct option_row *row = &option_rows[id];
		if (!takes(command, (enum option_id)id))
			continue;
		list[count++] = (struct option){row->name,
			row->value ? required_argument : no_argument, NULL,
			FIRST_LONG + id};
		if (row->letter)
			letters[used++] = row->letter;
		if (row->letter && row->value)
			letters[used++] = ':';
	}
	list[count] = (struct option){0};
	letters[used] = '\0';
}

static int find_id(int found)
{
	int id = found - FIRST_LONG;

	if (found < FIRST_LONG)
		for (id = OPTION_COUNT - 1; id >= 0; id--)
			if (option_rows[id].letter == found)
				break;
	return id;
}

/* Keeps and checks one option. */
static int take(struct call *call, enum option_id id, const char *value)
{
	const struct option_row *row = &option_rows[id];
	char why[WHY_SIZE];

	if (row->check && value && !row->check(row, value, why))
		return usage(
			call->command, "--%s %s: %s", row->name, value, why);
	struct repeated *repeated = id == OPTION_SSH_FROM   ? &call->ssh_from
				    : id == OPTION_API_FROM ? &call->api_from
				    : id == OPTION_BIND     ? &call->bind
							    : NULL;
	if (repeated) {
		if (repeated->count == REPEAT_MAX)
			return usage(call->command, "--%s: at most %d times",
				row->name, REPEAT_MAX);
		repeated->values[repeated->count++] = value;
	} else if (call->option[id] && row->value) {
		return usage(call->command, "--%s is given twice", row->name);
	}
	call->option[id] = value ? value : "";
	return DONE;
}

/* An option of the command that was meant by another name; NULL: none. */
static const char *guess_option(const struct call *call, const char *name)
{
	struct guess guess = guess_begin(name, GUESS_MOST);

	for (int id = 0; id < OPTION_COUNT; id++)
		if (takes(call->command, (enum option_id)id))
			guess_consider(&guess, option_rows[id].name);
	return guess.best;
}

/* The option that getopt_long stumbled over, as it was written. */
static int refuse(const struct call *call, int found, char **argv)
{
	char letter[3] = {'-', (char)optopt, '\0'};
	char name[32];
	bool is_letter = optopt > 0 && optopt < FIRST_LONG;

	snprintf(
		name, sizeof name, "%s", is_letter ? letter : argv[optind - 1]);
	name[strcspn(name, "=")] = '\0';
	if (found == ':')
		return usage(call->command, "%s wants a value", name);
	const char *guess =
		is_letter ? NULL : guess_option(call, name + strlen("--"));
	if (guess)
		return usage(call->command,
			"there is no option %s here; did you mean --%s?", name,
			guess);
	return usage(call->command, "there is no option %s here", name);
}

/*
 * Options are to be written out: --token, short for --token-file, would take a
 * token for a file's name, and show it.
 */
static bool written_out(int found, char **argv)
{
	bool value_apart = optarg && optarg == argv[optind - 1];
	const char *written = argv[optind - (value_apart ? 2 : 1)];

	return found < FIRST_LONG ||
	       strncmp(written + strlen("--"), option_rows[find_id(found)].name,
		       strlen(option_rows[find_id(found)].name)) == 0;
}

/* What stands on the command line is in the shell's history from then on. */
static int refuse_token(const struct call *call, const char *before)
{
	return usage(call->command,
		"%sa token is given on standard input or with --token-file, "
		"never as a word. If it was one, replace it at Hetzner: your "
		"shell may have kept it",
		before);
}

static int refuse_abbreviation(const struct call *call, int found)
{
	if (find_id(found) == OPTION_TOKEN_FILE)
		return refuse_token(call, "");
	return usage(call->command,
		"options are to be written out: did you mean --%s?",
		option_rows[find_id(found)].name);
}

static bool lacks_name(const struct call *call)
{
	return (takes(call->command, OPTION_CLUSTER_NAME) &&
		       !call->option[OPTION_CLUSTER_NAME]) ||
	       (takes(call->command, OPTION_NAME) &&
		       !call->option[OPTION_NAME]);
}

/* Where a token is expected, the word may be one: it is not shown. */
static int refuse_word(const struct call *call, const char *word)
{
	if (takes(call->command, OPTION_TOKEN_FILE))
		return refuse_token(call, "there is one word too many: ");
	return usage(call->command, "'%s' is one word too many%s", word,
		lacks_name(call) ? ": a name is given with --name" : "");
}

static int count_words(const char *text)
{
	int count = text && *text;

	for (; text && *text; text++)
		count += *text == ' ';
	return count;
}

static int check_arguments(const struct call *call)
{
	const char *wanted = call->command->arguments;
	int count = call->argument_count;
	int most = count_words(wanted);

	if (!wanted && count > 0)
		return refuse_word(call, call->arguments[0]);
	if (!wanted || call->option[OPTION_ALL])
		return DONE;
	if (count == 0)
		return usage(call->command, "%s is missing",
			strstr(wanted, "...") ? "an ID, or --all," : wanted);
	if (count < most)
		return usage(call->command, "%s: one is missing", wanted);
	if (count > most && !strstr(wanted, "..."))
		return refuse_word(call, call->arguments[most]);
	return DONE;
}

/* All that is missing, so that nobody has to come back for the next one. */
static int check_required(const struct call *call)
{
	char missing[WHY_SIZE] = "";
	size_t used = 0;
	int count = 0;

	for (int id = 0; id < OPTION_COUNT && used < sizeof missing; id++) {
		if (!(call->command->requires & BIT(id)) || call->option[id])
			continue;
		used += (size_t)snprintf(missing + used, sizeof missing - used,
			"%s--%s %s", count++ ? ", " : "", option_rows[id].name,
			option_rows[id].value);
	}
	if (count)
		return usage(call->command, "%s %s missing", missing,
			count > 1 ? "are" : "is");
	return DONE;
}

static int check_companions(const struct call *call)
{
	for (int id = 0; id < OPTION_COUNT; id++)
		if (call->option[id] && option_rows[id].with &&
			!call->option[option_rows[id].with])
			return usage(call->command, "--%s wants --%s %s, too",
				option_rows[id].name,
				option_rows[option_rows[id].with].name,
				option_rows[option_rows[id].with].value);
	return DONE;
}

int options_read(struct call *call, int argc, char **argv)
{
	struct option list[OPTION_COUNT + 1];
	char letters[2 * OPTION_COUNT];
	int found;

	describe(call->command, list, letters);
	opterr = 0;
	while ((found = getopt_long(argc, argv, letters, list, NULL)) != -1) {
		if (found == '?' || found == ':')
			return refuse(call, found, argv);
		if (!written_out(found, argv))
			return refuse_abbreviation(call, found);
		if (found < FIRST_LONG && optarg && *optarg == '=')
			return usage(call->command, "write -%c %s, or --%s%s",
				found, optarg + 1,
				option_rows[find_id(found)].name, optarg);
		if (take(call, (enum option_id)find_id(found), optarg))
			return USAGE;
	}
	call->arguments = argv + optind;
	call->argument_count = argc - optind;
	if (call->option[OPTION_HELP])
		return DONE;
	call->json = call->option[OPTION_OUTPUT] &&
		     strcmp(call->option[OPTION_OUTPUT], "json") == 0;
	return check_arguments(call) || check_required(call) ||
			       check_companions(call)
		       ? USAGE
		       : DONE;
}

bool option_of(const struct command *command, enum option_id id,
	struct option_text *text)
{
	const struct option_row *row = &option_rows[id];

	*text = (struct option_text){
		row->name, row->value, row->help, row->standard};
	return takes(command, id);
}

const char *option_value(const struct call *call, enum option_id id)
{
	return call->option[id] ? call->option[id] : option_rows[id].standard;
}

int option_number(const struct call *call, enum option_id id)
{
	return atoi(option_value(call, id));
}

static void print_row(const struct command *command, int id, FILE *out)
{
	const struct option_row *row = &option_rows[id];
	char left[32];
	char letter[6] = "    ";

	if (row->letter)
		snprintf(letter, sizeof letter, "-%c, ", row->letter);
	snprintf(left, sizeof left, "%s--%s %s", letter, row->name,
		row->value ? row->value : "");
	fprintf(out, "  %-26s %s", left, row->help);
	if (row->standard)
		fprintf(out, " (%s)", row->standard);
	else if (command->requires & BIT(id))
		fputs(" (required)", out);
	fputc('\n', out);
}

void options_print(const struct command *command, FILE *out)
{
	for (int id = 1; id < OPTION_COUNT; id++)
		if (takes(command, (enum option_id)id))
			print_row(command, id, out);
	print_row(command, OPTION_HELP, out);
}
