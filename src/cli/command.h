/*
 * What a command is: one const entry per verb, in one table. The entry says
 * which options it takes and which settings it needs; parsing, checking and
 * help all come from it, so that a command's function begins with everything
 * in place.
 */
#pragma once

#include <byoc/console.h>
#include <byoc/err.h>
#include <byoc/settings.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Results of a command, and exit statuses of the program. */
enum { DONE, FAILED, USAGE };

enum option_id {
	OPTION_HELP,
	OPTION_OUTPUT,
	OPTION_NAME,
	OPTION_TOKEN_FILE,
	OPTION_CLUSTER_NAME,
	OPTION_CREDENTIAL,
	OPTION_LOCATION,
	OPTION_TYPE,
	OPTION_WORKERS,
	OPTION_SERVER_TYPE,
	OPTION_SSH_FROM,
	OPTION_API_FROM,
	OPTION_POD_SECURITY,
	OPTION_INGRESS,
	OPTION_LIFETIME,
	OPTION_DELETED,
	OPTION_ALL,
	OPTION_WATCH,
	OPTION_WAIT,
	OPTION_TIMEOUT,
	OPTION_REMOVE,
	OPTION_KEEP_EVENTS,
	OPTION_AUDIT_EVERY,
	OPTION_CONSUMER,
	OPTION_BIND,
	OPTION_MOST_CLUSTERS,
	OPTION_MOST_JOBS,
	OPTION_ANY_PROJECT,
	OPTION_SVG,
	OPTION_WITH_NEIGHBOURS,
	OPTION_KEEP_VOLUMES,
	OPTION_ALL_GONE,
	OPTION_DRY_RUN,
	OPTION_RECIPIENT,
	OPTION_REPAIR,
	OPTION_REMOVE_ORPHANS,
	OPTION_FOLLOW,
	OPTION_CLUSTER,
	OPTION_LISTEN,
	OPTION_HOST,
	OPTION_RECIPIENT_KEY,
	OPTION_SAME_NAME,
	OPTION_CHECK,
	OPTION_COUNT,
};

/* An option as a bit of `takes` and `requires`. */
#define BIT(option) (UINT64_C(1) << (option))

/* How often an option that may be repeated may be. */
enum { REPEAT_MAX = 10 };

struct repeated {
	const char *values[REPEAT_MAX];
	size_t count;
};

struct command;

/* One call of a command: what was said on the command line, and settings. */
struct call {
	const struct command *command;
	const char *option[OPTION_COUNT]; /* NULL: not given; flags: "" */
	struct repeated ssh_from, api_from, bind;
	bool json;
	char **arguments;
	int argument_count;
	struct settings settings;
	struct console *store; /* NULL unless the command asks for it */
};

struct command {
	const char *noun; /* NULL: the verb stands alone */
	const char *verb;
	const char *arguments; /* "ID", "ID..."; NULL: none */
	const char *summary;
	const char *details; /* more for its own help; NULL: nothing */
	uint64_t takes;      /* options besides --help */
	uint64_t requires;   /* options that must be there */
	unsigned needs;      /* enum settings_need */
	bool store;          /* opens the database's console */
	int (*run)(struct call *call);
};

struct noun {
	const char *name;
	const char *summary;
};

extern const struct noun nouns[];              /* ended by a NULL name */
extern const struct command *const commands[]; /* ended by NULL */

/* ---- Finding (commands.c) ---- */

/* NULL when there is none. */
const struct noun *noun_find(const char *name);
const struct command *command_find(const char *noun, const char *verb);
/* "cluster create", which is written to `name` and returned. */
enum { COMMAND_NAME_SIZE = 80 };
const char *command_name(
	const char *noun, const char *verb, char name[COMMAND_NAME_SIZE]);
/* How many wrong letters a guess takes: "wait" is "watch". */
enum { GUESS_MOST = 3 };
/* The word a person may have meant, or NULL; `noun` NULL: the first word. */
const char *command_guess(const char *noun, const char *word);
/* One with that verb and any noun, a cluster's before others; NULL: none. */
const struct command *command_of_verb(const char *verb);

/* ---- Options (options.c) ---- */

/*
 * Reads and checks the options and arguments behind the command's words. DONE,
 * or USAGE after having said what is wrong. --help stays in call->option.
 */
int options_read(struct call *call, int argc, char **argv);
/* What was given, or the option's default. */
const char *option_value(const struct call *call, enum option_id id);
/* The same of a numeric option, which was checked already. */
int option_number(const struct call *call, enum option_id id);
void options_print(const struct command *command, FILE *out);

/* An option as help shows it. */
struct option_text {
	const char *name;
	const char *value; /* NULL: a flag */
	const char *help;
	const char *standard; /* NULL: none */
};
/* False: the command does not take it. */
bool option_of(const struct command *command, enum option_id id,
	struct option_text *text);

/* ---- Help (help.c) ---- */

void help_overview(FILE *out);
void help_noun(const struct noun *noun, FILE *out);
void help_command(const struct command *command, FILE *out);

/* ---- Saying what went wrong (say.c) ---- */

/* "byoc: <sentence>" on standard error; gives FAILED, or USAGE if it was. */
int fail(const struct err *err);
int fail_saying(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for a wrong call, with a word on where help is. */
int usage(const struct command *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A remark to the person at the terminal, on standard error. */
void remark(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
