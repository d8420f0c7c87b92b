/* Standard error: failures, wrong calls and remarks. */
#include "command.h"

#include <stdarg.h>
#include <string.h>

int fail(const struct err *err)
{
	fflush(stdout);
	fprintf(stderr, "byoc: %s\n", err->text);
	return strcmp(err->code, "ambiguous") == 0 ? USAGE : FAILED;
}

int fail_saying(const char *fmt, ...)
{
	va_list list;

	fflush(stdout);
	fputs("byoc: ", stderr);
	va_start(list, fmt);
	vfprintf(stderr, fmt, list);
	va_end(list);
	fputc('\n', stderr);
	return FAILED;
}

int usage(const struct command *command, const char *fmt, ...)
{
	va_list list;

	fflush(stdout);
	fputs("byoc: ", stderr);
	va_start(list, fmt);
	vfprintf(stderr, fmt, list);
	va_end(list);
	fprintf(stderr, "\nSee `byoc %s%s%s --help`.\n",
		command->noun ? command->noun : "", command->noun ? " " : "",
		command->verb);
	return USAGE;
}

void remark(const char *fmt, ...)
{
	va_list list;

	fflush(stdout);
	va_start(list, fmt);
	vfprintf(stderr, fmt, list);
	va_end(list);
	fputc('\n', stderr);
}
