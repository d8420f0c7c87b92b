/*
 * The timeline of a run: when each phase began and how long it took, as bars
 * in the terminal and as a picture (SVG) for a report.
 */
#include "commands.h"

#include "table.h"
#include "wording.h"
#include <byoc/json.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	LABEL_COLUMNS = 22,
	SPAN_COLUMNS = 10,
	BAR_LEAST = 20,
	COLUMNS_WITHOUT_TERMINAL = 100,

	PICTURE_WIDTH = 960,
	PICTURE_LEFT = 200,
	PICTURE_RIGHT = 90,
	ROW_HEIGHT = 22,
	HEAD_HEIGHT = 40,
};

struct bar {
	char label[LABEL_SIZE];
	const char *status;
	int64_t from_ms, until_ms; /* since the run began; from -1: not yet */
};

static bool read_bar(const struct json_in *run, size_t i, struct bar *bar)
{
	struct json_in phase;
	int index = 0;

	*bar = (struct bar){.from_ms = -1};
	if (!json_element(run, "phases", i, &phase))
		return false;
	const char *name = json_text_ref(&phase, "phase");
	json_int(&phase, "index", &index);
	json_opt_i64(&phase, "from_ms", &bar->from_ms);
	json_opt_i64(&phase, "until_ms", &bar->until_ms);
	bar->status = json_text_ref(&phase, "status");
	if (!name || !bar->status)
		return false;
	phase_label(name, index, bar->label);
	return true;
}

static int64_t scaled(int64_t ms, int64_t total_ms, int width)
{
	return total_ms > 0 ? ms * width / total_ms : 0;
}

/* ---- In the terminal ---- */

static int bar_columns(void)
{
	struct winsize size = {0};
	int columns = COLUMNS_WITHOUT_TERMINAL;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		columns = size.ws_col;
	columns -= LABEL_COLUMNS + SPAN_COLUMNS + 2;
	return columns < BAR_LEAST ? BAR_LEAST : columns;
}

static void print_times(const char *mark, int64_t times)
{
	while (times-- > 0)
		fputs(mark, stdout);
}

/* A bar that is still growing has an open end. */
static void print_bar(const struct bar *bar, int64_t total_ms, int width)
{
	char span[SPAN_SIZE];

	if (bar->from_ms < 0) {
		printf("%-*s %s\n", LABEL_COLUMNS, bar->label, bar->status);
		return;
	}
	int64_t from = scaled(bar->from_ms, total_ms, width - 1);
	int64_t until = scaled(bar->until_ms, total_ms, width - 1);
	bool over = strcmp(bar->status, "done") == 0 ||
		    strcmp(bar->status, "failed") == 0;
	printf("%-*s ", LABEL_COLUMNS, bar->label);
	print_times(" ", from);
	print_times(over ? "█" : "▒", until - from + 1);
	span_short(bar->until_ms - bar->from_ms, span);
	printf(" %s%s\n", span,
		strcmp(bar->status, "failed") == 0 ? ", failed" : "");
}

static void print_bars(const struct json_in *run, int64_t total_ms)
{
	int width = bar_columns();
	struct bar bar;
	char span[SPAN_SIZE];

	for (size_t i = 0; i < json_count(run, "phases"); i++)
		if (read_bar(run, i, &bar))
			print_bar(&bar, total_ms, width);
	span_short(total_ms, span);
	printf("%-*s %s\n", LABEL_COLUMNS, "in all", span);
}

/* ---- As a picture ---- */

static const char *colour(const char *status)
{
	if (strcmp(status, "done") == 0)
		return "#2f7d5b";
	return strcmp(status, "failed") == 0 ? "#b3392f" : "#b9822a";
}

/* Labels and statuses are words of ours: nothing has to be escaped. */
static void draw_bar(
	FILE *out, const struct bar *bar, size_t row, int64_t total_ms)
{
	int width = PICTURE_WIDTH - PICTURE_LEFT - PICTURE_RIGHT;
	int y = HEAD_HEIGHT + (int)row * ROW_HEIGHT;
	char span[SPAN_SIZE];

	fprintf(out, "<text x=\"12\" y=\"%d\">%s</text>\n", y + 15, bar->label);
	if (bar->from_ms < 0)
		return;
	int64_t from = scaled(bar->from_ms, total_ms, width);
	int64_t until = scaled(bar->until_ms, total_ms, width);
	span_short(bar->until_ms - bar->from_ms, span);
	fprintf(out,
		"<rect x=\"%" PRId64 "\" y=\"%d\" width=\"%" PRId64
		"\" height=\"14\" rx=\"2\" fill=\"%s\">"
		"<title>%s: %s, %s</title></rect>\n"
		"<text x=\"%" PRId64 "\" y=\"%d\">%s</text>\n",
		PICTURE_LEFT + from, y + 4, until - from + 2,
		colour(bar->status), bar->label, bar->status, span,
		PICTURE_LEFT + until + 8, y + 15, span);
}

static void draw(FILE *out, const struct json_in *run, const char *name,
	int64_t total_ms)
{
	size_t count = json_count(run, "phases");
	char span[SPAN_SIZE];
	struct bar bar;

	span_short(total_ms, span);
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%zu\" font-family=\"sans-serif\" font-size=\"12\" "
		"fill=\"#222\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
		"<text x=\"12\" y=\"24\" font-size=\"15\">%s: %s</text>\n",
		PICTURE_WIDTH, HEAD_HEIGHT + count * ROW_HEIGHT + 12, name,
		span);
	for (size_t i = 0; i < count; i++)
		if (read_bar(run, i, &bar))
			draw_bar(out, &bar, i, total_ms);
	fputs("</svg>\n", out);
}

static int write_picture(const struct call *call, const struct json_in *run,
	const char *name, int64_t total_ms)
{
	const char *path = call->option[OPTION_SVG];
	FILE *out = fopen(path, "w");

	if (!out)
		return fail_saying("%s: %s", path, strerror(errno));
	draw(out, run, name, total_ms);
	bool failed = ferror(out);
	if (fclose(out) || failed)
		return fail_saying("%s cannot be written", path);
	return DONE;
}

static int show(const struct call *call, struct json_object *found)
{
	struct err err = {0};
	const struct json_in run = {found, "timeline", &err};
	int64_t total_ms = 0;
	const char *name = json_text_ref(&run, "name");

	json_i64(&run, "total_ms", &total_ms);
	if (err.kind)
		return fail(&err);
	if (call->json)
		json_print(found);
	else if (call->option[OPTION_SVG])
		return write_picture(call, &run, name, total_ms);
	else if (json_count(&run, "phases") == 0)
		remark("cluster %s has had no run yet", name);
	else
		print_bars(&run, total_ms);
	return DONE;
}

static int run_timeline(struct call *call)
{
	char id[UUID_SIZE];
	struct err err = {0};

	if (!console_find_cluster(call->store, call->arguments[0], id, &err))
		return fail(&err);
	struct json_object *found = console_timeline(call->store, id, &err);
	if (!found)
		return fail(&err);
	int status = show(call, found);
	json_free(found);
	return status;
}

const struct command cluster_timeline_command = {
	.noun = "cluster",
	.verb = "timeline",
	.arguments = "ID",
	.summary = "how long each phase of the current run took, as bars",
	.details = "A phase that is not over has an open bar (▒).",
	.takes = BIT(OPTION_OUTPUT) | BIT(OPTION_SVG),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_timeline,
};
