/* Drawing a run: phases from JSON, lines by libsmartcols, the bar by itself. */
#include "watch_tree.h"

#include "table.h"
#include "wording.h"
#include <byoc/memory.h>
#include <json-c/json.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum state { WAITING, RUNNING, FINISHED, FAILED_STATE, STATE_COUNT };

/* A mark and a word: nobody has to see the colour. */
static const struct {
	const char *mark, *plain, *word, *colour;
} looks[STATE_COUNT] = {
	[WAITING] = {"○", ".", "waiting", NULL},
	[RUNNING] = {"▶", ">", "running", "cyan"},
	[FINISHED] = {"✓", "+", "done", "green"},
	[FAILED_STATE] = {"✗", "!", "failed", "red"},
};

enum { WHY_SIZE = 400, BAR_MOST = 40, BAR_LEAST = 4, WORDS_USUAL = 50 };

struct phase {
	const char *name;
	int index;
	int same; /* how many have this name */
	enum state state;
	int64_t ms; /* so far, or in all; -1: it has not begun */
	char why[WHY_SIZE];
};

struct run {
	const struct json_in *news;
	const struct tree_form *form;
	struct phase *phases;
	size_t count;
	bool active;
};

/* How much is left out, so that the rest has room. */
enum brevity { ALL, WITHOUT_QUIET, GROUPS_ONLY, BREVITY_COUNT };

/* ---- Reading ---- */

static enum state state_of(const char *status, bool begun)
{
	if (strcmp(status, "done") == 0)
		return FINISHED;
	if (strcmp(status, "failed") == 0)
		return FAILED_STATE;
	if (strcmp(status, "leased") == 0)
		return RUNNING;
	/* Between two looks at Hetzner its message is in the broker. */
	return strcmp(status, "queued") == 0 && begun ? RUNNING : WAITING;
}

static bool is_done(const struct run *run, const char *name)
{
	for (size_t i = 0; i < run->count; i++)
		if (strcmp(run->phases[i].name, name) == 0 &&
			run->phases[i].state != FINISHED)
			return false;
	return true;
}

/* "for network, ssh_key": of what it needs, what is not done. */
static void name_needs(
	const struct run *run, const struct json_in *phase, char why[WHY_SIZE])
{
	struct json_object *needs = json_object_object_get(phase->at, "needs");
	size_t used = 0;

	for (size_t i = 0; i < json_object_array_length(needs); i++) {
		const char *name = json_object_get_string(
			json_object_array_get_idx(needs, i));
		if (name && !is_done(run, name) && used < WHY_SIZE)
			used += (size_t)snprintf(why + used, WHY_SIZE - used,
				"%s%s", used ? ", " : "for ", name);
	}
}

static void explain(const struct run *run, const struct json_in *in,
	struct phase *phase, const char *status)
{
	const char *code = json_opt_text_ref(in, "code");
	const char *reason = json_opt_text_ref(in, "reason");
	char *safe = readable(
		reason ? reason : "", reason ? strlen(reason) : 0, false);

	if (phase->state == FINISHED)
		; /* what it waited for has come */
	else if (code)
		snprintf(phase->why, WHY_SIZE, "%s: %s", code, safe);
	else if (*safe)
		snprintf(phase->why, WHY_SIZE, "%s", safe);
	else if (run->active && strcmp(status, "blocked") == 0)
		name_needs(run, in, phase->why);
	else if (run->active && phase->state == WAITING)
		snprintf(phase->why, WHY_SIZE, "for a worker");
	free(safe);
}

static void read_phase(const struct json_in *in, int64_t age_ms, bool active,
	struct phase *phase)
{
	const char *status = json_text_ref(in, "status");

	phase->name = json_text_ref(in, "phase");
	json_int(in, "index", &phase->index);
	phase->ms = -1;
	json_opt_i64(in, "from_ms", &phase->ms);
	phase->state = state_of(status ? status : "", phase->ms >= 0);
	if (phase->ms >= 0 && active)
		phase->ms += age_ms;
	json_opt_i64(in, "took_ms", &phase->ms);
	if (!phase->name)
		phase->name = "?";
}

static void read_run(struct run *run, int64_t age_ms)
{
	struct json_in in;
	size_t count = json_count(run->news, "phases");

	run->phases = memory_new((count + 1) * sizeof *run->phases);
	json_flag(run->news, "active", &run->active);
	for (size_t i = 0; i < count; i++)
		if (json_element(run->news, "phases", i, &in))
			read_phase(&in, age_ms, run->active,
				&run->phases[run->count++]);
	for (size_t i = 0; i < run->count; i++) {
		struct phase *phase = &run->phases[i];
		json_element(run->news, "phases", i, &in);
		const char *status = json_text_ref(&in, "status");
		explain(run, &in, phase, status ? status : "");
		for (size_t k = 0; k < run->count; k++)
			phase->same +=
				strcmp(run->phases[k].name, phase->name) == 0;
	}
}

/* ---- The tree ---- */

enum { COLUMN_NAME, COLUMN_STATE, COLUMN_TIME, COLUMN_WHY };

static void set_state(const struct run *run, struct libscols_line *line,
	enum state state, const char *word)
{
	char text[80];

	snprintf(text, sizeof text, "%s %s",
		run->form->ascii ? looks[state].plain : looks[state].mark,
		word);
	table_set(line, COLUMN_STATE, text);
	if (run->form->colours && looks[state].colour &&
		scols_cell_set_color(scols_line_get_cell(line, COLUMN_STATE),
			looks[state].colour))
		abort();
}

static void add_phase(const struct run *run, struct libscols_table *table,
	struct libscols_line *parent, const struct phase *phase)
{
	struct libscols_line *line = table_add_line(table, parent);
	char label[LABEL_SIZE], span[SPAN_SIZE];
	bool idle = !run->active && phase->state == WAITING;

	phase_label(phase->name, phase->index, label);
	table_set(line, COLUMN_NAME, label);
	set_state(run, line, phase->state,
		idle ? "not begun" : looks[phase->state].word);
	if (phase->ms >= 0) {
		if (phase->state == RUNNING)
			span_rough(phase->ms, span);
		else
			span_short(phase->ms, span);
		table_set(line, COLUMN_TIME, span);
	}
	if (*phase->why)
		table_set(line, COLUMN_WHY, phase->why);
}

/* "2 of 3": the state of several is that of the one that wants most care. */
static struct libscols_line *add_group(const struct run *run,
	struct libscols_table *table, struct libscols_line *parent,
	const char *name)
{
	struct libscols_line *line = table_add_line(table, parent);
	int in_state[STATE_COUNT] = {0};
	enum state state = RUNNING;
	char word[40];

	for (size_t i = 0; i < run->count; i++)
		if (strcmp(run->phases[i].name, name) == 0)
			in_state[run->phases[i].state]++;
	int all = in_state[WAITING] + in_state[RUNNING] + in_state[FINISHED] +
		  in_state[FAILED_STATE];
	if (in_state[FAILED_STATE])
		state = FAILED_STATE;
	else if (in_state[FINISHED] == all)
		state = FINISHED;
	else if (in_state[WAITING] == all)
		state = WAITING;
	table_set(line, COLUMN_NAME, name);
	snprintf(word, sizeof word, "%d of %d", in_state[FINISHED], all);
	set_state(run, line, state, word);
	return line;
}

static bool is_first(const struct run *run, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(run->phases[k].name, run->phases[i].name) == 0)
			return false;
	return true;
}

static bool is_quiet(const struct phase *phase)
{
	return phase->state == WAITING || phase->state == FINISHED;
}

static void add_name(const struct run *run, struct libscols_table *table,
	struct libscols_line *root, size_t first, enum brevity brevity)
{
	const struct phase *phase = &run->phases[first];

	if (phase->same == 1) {
		add_phase(run, table, root, phase);
		return;
	}
	struct libscols_line *group = add_group(run, table, root, phase->name);
	for (size_t i = first; i < run->count && brevity != GROUPS_ONLY; i++)
		if (strcmp(run->phases[i].name, phase->name) == 0 &&
			(brevity == ALL || !is_quiet(&run->phases[i])))
			add_phase(run, table, group, &run->phases[i]);
}

static struct libscols_table *begin_table(const struct tree_form *form)
{
	struct libscols_table *table = table_new();

	if (scols_table_enable_noheadings(table, 1) ||
		scols_table_enable_ascii(table, form->ascii) ||
		scols_table_enable_colors(table, form->colours) ||
		scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS) ||
		scols_table_set_termwidth(table, (size_t)form->columns))
		abort();
	table_add_column(table, "A", SCOLS_FL_TREE);
	table_add_column(table, "B", 0);
	table_add_column(table, "C", SCOLS_FL_RIGHT);
	table_add_column(table, "D", SCOLS_FL_TRUNC);
	return table;
}

static char *draw(const struct run *run, int64_t run_ms, enum brevity brevity)
{
	struct libscols_table *table = begin_table(run->form);
	struct libscols_line *root = table_add_line(table, NULL);
	const char *name = json_text_ref(run->news, "name");
	const char *status = json_text_ref(run->news, "status");
	const char *code = json_opt_text_ref(run->news, "code");
	char span[SPAN_SIZE];

	table_set(root, COLUMN_NAME, name ? name : "");
	table_set(root, COLUMN_STATE, status ? status : "");
	if (run_ms >= 0) {
		span_rough(run_ms, span);
		table_set(root, COLUMN_TIME, span);
	}
	if (code)
		table_set(root, COLUMN_WHY, code);
	for (size_t i = 0; i < run->count; i++)
		if (is_first(run, i))
			add_name(run, table, root, i, brevity);
	return table_text(table);
}

static int count_lines(const char *text)
{
	int lines = 1;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* The tree with as much as there is room for. */
static char *draw_fitting(const struct run *run, int64_t run_ms, int rows)
{
	char *text = NULL;

	for (int brevity = ALL; brevity < BREVITY_COUNT; brevity++) {
		free(text);
		text = draw(run, run_ms, (enum brevity)brevity);
		if (count_lines(text) <= rows)
			return text;
	}
	char *end = text;
	for (int line = 0; line < rows && end; line++)
		end = strchr(line ? end + 1 : end, '\n');
	if (end)
		*end = '\0';
	return text;
}

/* ---- The bar ---- */

static void tell_rest(FILE *out, int64_t run_ms, int64_t usual_ms)
{
	int64_t left_ms = usual_ms - run_ms;
	char span[SPAN_SIZE];

	if (usual_ms < 0 || run_ms < 0)
		return;
	span_rough(left_ms > 0 ? left_ms + 999 : usual_ms, span);
	if (left_ms > 0)
		fprintf(out, ", about %s left", span);
	else
		fprintf(out, ", longer than the usual %s", span);
}

static void print_times(FILE *out, const char *mark, int times)
{
	while (times-- > 0)
		fputs(mark, out);
}

/* How far it is; the words matter more than the bar. */
static void draw_bar(
	FILE *out, const struct run *run, int64_t run_ms, int64_t usual_ms)
{
	char *words = NULL;
	size_t size;
	int done = 0, total = 0;
	FILE *text = open_memstream(&words, &size);

	if (!text)
		abort();
	json_int(run->news, "done", &done);
	json_int(run->news, "total", &total);
	fprintf(text, "%d of %d phases", done, total);
	if (run->active)
		tell_rest(text, run_ms, usual_ms);
	fclose(text);
	/* Of one length, whatever the words, where there is room for that. */
	int room = run->form->columns - WORDS_USUAL - 3;
	if (room < BAR_LEAST)
		room = run->form->columns - (int)size - 3;
	if (room > BAR_MOST)
		room = BAR_MOST;
	if (room >= BAR_LEAST) {
		int filled = total > 0 ? room * done / total : 0;
		bool ascii = run->form->ascii;
		fputc('[', out);
		print_times(out, ascii ? "#" : "█", filled);
		print_times(out, ascii ? "-" : "░", room - filled);
		fputs("] ", out);
	}
	fprintf(out, "%s\n", words);
	free(words);
}

/* ---- All of it ---- */

/* What has no room goes, but for the end of its colour. */
static void print_line(
	FILE *out, const char *line, const char *end, int columns)
{
	mbstate_t state = {0};
	bool colour = false;

	while (line < end) {
		wchar_t c = L'\0';
		size_t size = mbrtowc(&c, line, (size_t)(end - line), &state);
		int width = 0;

		if (size == 0 || size > (size_t)(end - line))
			break;
		if (c == L'\033')
			colour = true;
		if (!colour)
			width = wcwidth(c) > 0 ? wcwidth(c) : 0;
		columns -= width;
		if (columns >= 0 || width == 0)
			fwrite(line, 1, size, out);
		if (c == L'm')
			colour = false;
		line += size;
	}
	fputc('\n', out);
}

/* libsmartcols shortens what a phase waits for, but nothing else. */
static char *cut_lines(char *text, int columns)
{
	const char *line = text, *end;
	char *cut = NULL;
	size_t size;
	FILE *out = open_memstream(&cut, &size);

	if (!out)
		abort();
	for (; (end = strchr(line, '\n')); line = end + 1)
		print_line(out, line, end, columns);
	fclose(out);
	free(text);
	return cut;
}

char *watch_tree(const struct json_in *news, int64_t age_ms, int64_t usual_ms,
	const struct tree_form *form)
{
	struct run run = {.news = news, .form = form};
	int64_t run_ms = -1;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	read_run(&run, age_ms);
	json_opt_i64(news, "run_ms", &run_ms);
	if (run_ms >= 0 && run.active)
		run_ms += age_ms;
	char *tree = draw_fitting(&run, run_ms, form->rows - 1);
	fprintf(out, "%s\n", tree);
	draw_bar(out, &run, run_ms, usual_ms);
	fclose(out);
	free(tree);
	free(run.phases);
	return cut_lines(text, form->columns);
}
