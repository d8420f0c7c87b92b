/* Lines in the terminal that are written anew, each time with one write. */
#include "screen.h"

#include <byoc/memory.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

bool screen_there(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

bool screen_colours(void)
{
	const char *none = getenv("NO_COLOR");

	return screen_there() && !(none && *none);
}

/* LC_CTYPE itself is always UTF-8 (main.c): what was asked for counts. */
bool screen_ascii(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < COUNT(names); i++) {
		const char *locale = getenv(names[i]);

		if (locale && *locale)
			return strcasestr(locale, "utf") == NULL;
	}
	return true;
}

void screen_size(int *columns, int *rows)
{
	struct winsize size = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || !size.ws_col ||
		!size.ws_row)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	*columns = size.ws_col;
	*rows = size.ws_row;
}

/* Columns that a line takes; colours ("\033[...m") take none. */
static int line_width(const char *line, const char *end)
{
	mbstate_t state = {0};
	int width = 0;

	while (line < end) {
		wchar_t c;
		size_t size = mbrtowc(&c, line, (size_t)(end - line), &state);

		if (size == 0 || size > (size_t)(end - line))
			return width;
		if (c == L'\033')
			line = memchr(line, 'm', (size_t)(end - line));
		else if (wcwidth(c) > 0)
			width += wcwidth(c);
		if (!line)
			return width;
		line += size;
	}
	return width;
}

/* A terminal that became narrower has broken the lines anew. */
static int rows_of(const char *text, int columns)
{
	const char *end;
	int rows = 0;

	for (; (end = strchr(text, '\n')); text = end + 1) {
		int width = line_width(text, end);
		rows += width > columns ? (width + columns - 1) / columns : 1;
	}
	return rows;
}

static void write_all(const char *text, size_t size)
{
	while (size > 0) {
		ssize_t written = write(STDOUT_FILENO, text, size);

		if (written < 0 && errno != EINTR)
			return;
		if (written > 0) {
			text += written;
			size -= (size_t)written;
		}
	}
}

static void print_above(FILE *out, const struct screen *screen)
{
	int columns, rows;

	screen_size(&columns, &rows);
	int above = screen->shown ? rows_of(screen->shown, columns) : 0;
	if (above > 0)
		fprintf(out, "\r\033[%dA", above < rows ? above : rows);
}

void screen_show(struct screen *screen, char *text)
{
	const char *line = text, *end;
	char *frame = NULL;
	size_t size;
	FILE *out = open_memstream(&frame, &size);

	if (!out)
		abort();
	print_above(out, screen);
	for (; (end = strchr(line, '\n')); line = end + 1)
		fprintf(out, "%.*s\033[K\n", (int)(end - line), line);
	fputs("\033[J", out);
	fclose(out);
	write_all(frame, size);
	free(frame);
	free(screen->shown);
	screen->shown = text;
}

void screen_clear(struct screen *screen)
{
	if (screen->shown)
		screen_show(screen, memory_copy_text(""));
	screen_leave(screen);
}

void screen_leave(struct screen *screen)
{
	free(screen->shown);
	screen->shown = NULL;
}
