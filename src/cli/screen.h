/*
 * A part of the terminal that is written anew in its place. Nothing about the
 * terminal is ever changed, so that nothing is left behind, however it ends.
 */
#pragma once

#include <stdbool.h>

struct screen {
	char *shown; /* what stands above the cursor; NULL: nothing */
};

/* Is standard output a terminal whose cursor can be moved? */
bool screen_there(void);
/* Will colours be seen, and are they wanted (NO_COLOR)? */
bool screen_colours(void);
/* Does the locale know no characters but those of ASCII? */
bool screen_ascii(void);
/* What the terminal measures now; a frame may have a row less. */
void screen_size(int *columns, int *rows);
/* Puts lines, each with its end, in the place of those before: takes `text`. */
void screen_show(struct screen *screen, char *text);
/* Takes away what is shown, for something that is to stay. */
void screen_clear(struct screen *screen);
/* Leaves it where it is, and what follows comes below. */
void screen_leave(struct screen *screen);
