/* Standard error: failures, wrong calls and remarks, each on one line. */
#include "command.h"

#include "table.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Words of users, of Hetzner and of messages may hold anything. */
__attribute__((format(printf, 2, 0))) static void say(
	const char *before, const char *fmt, va_list list)
{
	char *text;
	int length = vasprintf(&text, fmt, list);

	if (length < 0)
		abort();
	char *line = readable(text, (size_t)length, false);
	fflush(stdout);
	fprintf(stderr, "%s%s\n", before, line);
	free(line);
	free(text);
}

int fail(const struct err *err)
{
	fail_saying("%s", err->text);
	return strcmp(err->code, "ambiguous") == 0 ? USAGE : FAILED;
}

int fail_saying(const char *fmt, ...)
{
	va_list list;

	va_start(list, fmt);
	say("byoc: ", fmt, list);
	va_end(list);
	return FAILED;
}

int usage(const struct command *command, const char *fmt, ...)
{
	char name[COMMAND_NAME_SIZE];
	va_list list;

	va_start(list, fmt);
	say("byoc: ", fmt, list);
	va_end(list);
	fprintf(stderr, "See `byoc %s --help`.\n",
		command_name(command->noun, command->verb, name));
	return USAGE;
}

void remark(const char *fmt, ...)
{
	va_list list;

	va_start(list, fmt);
	say("", fmt, list);
	va_end(list);
}
