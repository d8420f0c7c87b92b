/* Help pages, written from the tables of commands, options and settings. */
#include "command.h"

#include <byoc/memory.h>
#include <string.h>

static void print_commands(const char *noun, FILE *out)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *command = commands[i];
		char left[32];

		if (noun ? !command->noun || strcmp(command->noun, noun) != 0
			 : command->noun != NULL)
			continue;
		snprintf(left, sizeof left, "%s %s", command->verb,
			command->arguments ? command->arguments : "");
		fprintf(out, "  %-18s %s\n", left, command->summary);
	}
}

static void print_verbs(const struct noun *noun, FILE *out)
{
	const char *before = "";

	for (size_t i = 0; commands[i]; i++) {
		const struct command *command = commands[i];

		if (!command->noun || strcmp(command->noun, noun->name) != 0)
			continue;
		fprintf(out, "%s%s", before, command->verb);
		before = ", ";
	}
	fputc('\n', out);
}

void help_overview(FILE *out)
{
	fputs("byoc: the operator's command of Mengi Cloud BYOC for "
	      "Hetzner\n\n"
	      "Usage: byoc COMMAND [OPTIONS]\n\n",
		out);
	print_commands(NULL, out);
	for (const struct noun *noun = nouns; noun->name; noun++) {
		fprintf(out, "  %-18s %s:\n  %-18s ", noun->name, noun->summary,
			"");
		print_verbs(noun, out);
	}
	fputs("\n`byoc COMMAND --help` tells more about each; where a command "
	      "prints data, it takes\n`--output json`. An ID may be shortened "
	      "to its first digits, or be a name.\n\n"
	      "Settings, from the environment; NAME_FILE may name a file that "
	      "holds the value:\n\n",
		out);
	settings_print(out);
	fputs("\nExit status: 0 done, 1 failed, 2 wrong usage.\n", out);
}

void help_noun(const struct noun *noun, FILE *out)
{
	fprintf(out, "byoc %s: %s\n\nUsage: byoc %s COMMAND [OPTIONS]\n\n",
		noun->name, noun->summary, noun->name);
	print_commands(noun->name, out);
	fprintf(out, "\n`byoc %s COMMAND --help` tells more about each.\n",
		noun->name);
}

static void print_needs(unsigned needs, FILE *out)
{
	static const struct need {
		unsigned bit;
		const char *setting;
	} list[] = {
		{NEED_DATABASE, "BYOC_DATABASE_URL"},
		{NEED_BROKER, "BYOC_AMQP_URL"},
		{NEED_KEYS, "BYOC_KEY_DIR"},
	};
	const char *before = "\nNeeds the settings ";

	for (size_t i = 0; i < COUNT(list); i++) {
		if (!(needs & list[i].bit))
			continue;
		fprintf(out, "%s%s", before, list[i].setting);
		before = ", ";
	}
	if (needs)
		fputs(".\n", out);
}

void help_command(const struct command *command, FILE *out)
{
	char name[COMMAND_NAME_SIZE];

	fprintf(out, "%s.\n\nUsage: byoc %s%s%s [OPTIONS]\n\n",
		command->summary,
		command_name(command->noun, command->verb, name),
		command->arguments ? " " : "",
		command->arguments ? command->arguments : "");
	options_print(command, out);
	if (command->details)
		fprintf(out, "\n%s\n", command->details);
	print_needs(command->needs, out);
}
