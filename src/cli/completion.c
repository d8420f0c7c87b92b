/* Completion of command lines, for shells: written from the tables. */
#include "commands.h"

#include <string.h>

static bool is_of(const struct command *command, const char *noun)
{
	return noun ? command->noun && strcmp(command->noun, noun) == 0
		    : command->noun == NULL;
}

static void print_verbs(const char *noun)
{
	for (size_t i = 0; commands[i]; i++)
		if (is_of(commands[i], noun))
			printf("%s ", commands[i]->verb);
}

static void print_options(const struct command *command)
{
	struct option_text text;

	for (int id = 0; id < OPTION_COUNT; id++)
		if (option_of(command, (enum option_id)id, &text))
			printf("--%s ", text.name);
}

/* What is offered, by the words before the one that is being written; `at` is
 * how the shell tells its number, and the two behind the program's name. */
static void print_cases(const char *at)
{
	printf("_byoc() {\n\tlocal offered=\n\tcase \"%s \" in\n", at);
	fputs("\t\"1 \"*) offered=\"", stdout);
	print_verbs(NULL);
	for (const struct noun *noun = nouns; noun->name; noun++)
		printf("%s ", noun->name);
	puts("\" ;;");
	for (const struct noun *noun = nouns; noun->name; noun++) {
		printf("\t\"2 %s \"*) offered=\"", noun->name);
		print_verbs(noun->name);
		puts("\" ;;");
	}
	for (size_t i = 0; commands[i]; i++) {
		const struct command *command = commands[i];
		char name[COMMAND_NAME_SIZE];
		printf("\t*\" %s \"*) offered=\"",
			command_name(command->noun, command->verb, name));
		print_options(command);
		puts("\" ;;");
	}
	puts("\tesac");
}

/* Where nothing is offered, files are. */
static void print_bash(void)
{
	print_cases("${COMP_CWORD} ${COMP_WORDS[1]-} ${COMP_WORDS[2]-}");
	puts("\tmapfile -t COMPREPLY < <(compgen -o default -W \"$offered\" "
	     "-- \"${COMP_WORDS[COMP_CWORD]}\")\n"
	     "}\n"
	     "complete -F _byoc byoc");
}

/* For a folder of $fpath, where the file is the function when it is called for
 * the first time, and to be read by a shell that runs. */
static void print_zsh(void)
{
	puts("#compdef byoc");
	print_cases("$((CURRENT - 1)) ${words[2]-} ${words[3]-}");
	puts("\tcompadd -- ${=offered} || _files\n"
	     "}\n"
	     "if [[ ${funcstack[1]-} = _byoc ]]; then\n"
	     "\t_byoc\n"
	     "else\n"
	     "\tcompdef _byoc byoc\n"
	     "fi");
}

static void print_fish_options(const struct command *command)
{
	char name[COMMAND_NAME_SIZE];
	struct option_text text;

	command_name(command->noun, command->verb, name);
	for (int id = 0; id < OPTION_COUNT; id++)
		if (option_of(command, (enum option_id)id, &text))
			printf("complete -c byoc -n '__byoc_is %s' -l %s "
			       "%s-d \"%s\"\n",
				name, text.name, text.value ? "-r " : "",
				text.help);
}

static void print_fish(void)
{
	puts("function __byoc_is\n"
	     "\tset -l words (commandline -opc)\n"
	     "\tset -e words[1]\n"
	     "\tset -l last (count $argv)\n"
	     "\ttest \"$words[1..$last]\" = \"$argv\"\n"
	     "end\n"
	     "function __byoc_at\n"
	     "\ttest (count (commandline -opc)) -eq $argv[1]\n"
	     "end");
	for (const struct noun *noun = nouns; noun->name; noun++)
		printf("complete -c byoc -f -n '__byoc_at 1' -a %s -d \"%s\"\n",
			noun->name, noun->summary);
	for (size_t i = 0; commands[i]; i++) {
		const struct command *command = commands[i];
		if (command->noun)
			printf("complete -c byoc -f -n '__byoc_at 2; and "
			       "__byoc_is %s' -a %s -d \"%s\"\n",
				command->noun, command->verb, command->summary);
		else
			printf("complete -c byoc -f -n '__byoc_at 1' -a %s "
			       "-d \"%s\"\n",
				command->verb, command->summary);
		print_fish_options(command);
	}
}

static int run_completion(struct call *call)
{
	const char *shell = call->arguments[0];

	if (strcmp(shell, "fish") == 0)
		print_fish();
	else if (strcmp(shell, "bash") == 0)
		print_bash();
	else if (strcmp(shell, "zsh") == 0)
		print_zsh();
	else
		return usage(
			call->command, "%s: want bash, zsh or fish", shell);
	return DONE;
}

const struct command completion_command = {
	.verb = "completion",
	.arguments = "SHELL",
	.summary = "completion of byoc's command lines, for bash, zsh or fish",
	.details = "For bash: . <(byoc completion bash)\n"
		   "For zsh, after compinit: . <(byoc completion zsh)\n"
		   "For fish: byoc completion fish | source",
	.run = run_completion,
};
