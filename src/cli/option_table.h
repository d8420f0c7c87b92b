/* The table of options: one row serves parsing, checking and help. */
#pragma once

#include "command.h"

enum { WHY_SIZE = 200 };

struct option_row {
	const char *name;
	const char *value; /* what to call its value; NULL: a flag */
	const char *help;
	const char *standard;      /* default, for people too */
	int least, most;           /* of a number */
	const char *unit;          /* "hours"; NULL: none */
	const struct words *words; /* of a word */
	/* Says why a value is no good; NULL: nothing to check. */
	bool (*check)(
		const struct option_row *row, const char *text, char *why);
	char letter;
	enum option_id with; /* means nothing without that one; 0: it does */
};

extern const struct option_row option_rows[OPTION_COUNT];
