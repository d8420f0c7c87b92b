/* The manual page, written from the tables: troff, macros of man(7). */
#include "command.h"

#include "commands.h"

/* Text that is no request: '.' and "'" begin one, '-' is to stay a hyphen. */
static void print_text(const char *text)
{
	bool begins = true;

	for (; *text; text++) {
		if (begins && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		begins = *text == '\n';
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else if (*text == '`')
			fputs("\\(ga", stdout);
		else
			putchar(*text);
	}
}

static void print_option(const struct option_text *text)
{
	fputs(".TP\n.B ", stdout);
	print_text("--");
	print_text(text->name);
	printf("%s%s\n", text->value ? " " : "",
		text->value ? text->value : "");
	print_text(text->help);
	if (text->standard) {
		fputs(" (", stdout);
		print_text(text->standard);
		putchar(')');
	}
	putchar('\n');
}

static void print_command(const struct command *command)
{
	char name[COMMAND_NAME_SIZE];
	struct option_text text;

	printf(".SS byoc %s%s%s\n",
		command_name(command->noun, command->verb, name),
		command->arguments ? " " : "",
		command->arguments ? command->arguments : "");
	print_text(command->summary);
	puts(".");
	for (int id = 0; id < OPTION_COUNT; id++)
		if (id != OPTION_HELP &&
			option_of(command, (enum option_id)id, &text))
			print_option(&text);
	if (!command->details)
		return;
	puts(".PP");
	print_text(command->details);
	putchar('\n');
}

static int run_manual(struct call *call)
{
	(void)call;
	puts(".TH BYOC 1 \"\" \"byoc " BYOC_VERSION "\"\n"
	     ".SH NAME\n"
	     "byoc \\- the operator's command of Mengi Cloud BYOC for Hetzner\n"
	     ".SH SYNOPSIS\n"
	     ".B byoc\n.I COMMAND\n[OPTIONS]\n"
	     ".SH COMMANDS\n"
	     "An ID may be shortened to its first digits, or be a name.");
	for (size_t i = 0; commands[i]; i++)
		print_command(commands[i]);
	puts(".SH ENVIRONMENT\n"
	     "NAME_FILE may name a file that holds the value of NAME.\n"
	     ".nf");
	settings_print(stdout);
	puts(".fi\n"
	     ".SH EXIT STATUS\n"
	     "0 done, 1 failed, 2 wrong usage.");
	return DONE;
}

const struct command manual_command = {
	.verb = "manual",
	.summary = "the manual page, for man -l",
	.run = run_manual,
};
