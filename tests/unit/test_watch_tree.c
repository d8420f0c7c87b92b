/* The tree that `byoc cluster watch` shows: texts out of values. */
#include "watch_tree.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

static void set_locale(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
}

TestSuite(tree, .init = set_locale);

#define PHASE(name, index, status, needs, more)                                \
	"{\"phase\": \"" name "\", \"index\": " #index                         \
	", \"status\": \"" status "\", \"needs\": [" needs "]" more "}"

/* One that runs: two nodes, of which one waits for Hetzner and one for us. */
static const char under_way[] =
	"{\"name\": \"shop\", \"status\": \"provisioning\", \"active\": true,"
	" \"run_ms\": 61000, \"done\": 1, \"total\": 4, \"phases\": [" PHASE(
		"network", 0, "done", "",
		", \"from_ms\": 9000, \"took_ms\": 812") "," PHASE("worker", 0,
		"leased", "\"network\"",
		", \"from_ms\": 3000, \"reason\": \"starting\\u001b[31m\"") "," PHASE("worker",
		1, "queued", "\"network\"", "") "," PHASE("ready", 0, "blocked",
		"\"network\", \"worker\"", "") "]}";

static const char failed[] =
	"{\"name\": \"shop\", \"status\": \"failed\", \"active\": false,"
	" \"code\": \"name_taken\", \"run_ms\": 2000, \"done\": 0,"
	" \"total\": 2, \"phases\": [" PHASE("network", 0, "failed", "",
		", \"from_ms\": 9000, \"took_ms\": 1500,"
		" \"code\": \"name_taken\", \"reason\": \"Somebody has it.\"") "," PHASE("ready",
		0, "blocked", "\"network\"", "") "]}";

static char *tree_of(const char *text, int64_t age_ms, int64_t usual_ms,
	struct tree_form form)
{
	struct err err = {0};
	struct json_object *object = json_parse(text, strlen(text), &err);
	const struct json_in news = {object, "watch", &err};

	cr_assert(object, "%s", err.text);
	char *tree = watch_tree(&news, age_ms, usual_ms, &form);
	cr_assert_eq(err.kind, ERR_NONE, "%s", err.text);
	json_free(object);
	return tree;
}

static void expect(const char *text, int64_t age_ms, int64_t usual_ms,
	struct tree_form form, const char *expected)
{
	char *tree = tree_of(text, age_ms, usual_ms, form);

	cr_expect_str_eq(tree, expected, "%s", tree);
	free(tree);
}

Test(tree, shows_what_each_does_and_waits_for)
{
	expect(under_way, 0, -1, (struct tree_form){.columns = 72, .rows = 20},
		"shop          provisioning  1 min 1 s\n"
		"├─network     ✓ done           812 ms\n"
		"├─worker      ▶ 0 of 2\n"
		"│ ├─worker/0  ▶ running           3 s  starting?[31m\n"
		"│ └─worker/1  ○ waiting                for a worker\n"
		"└─ready       ○ waiting                for worker\n"
		"[████░░░░░░░░░░░░░░░] 1 of 4 phases\n");
}

Test(tree, goes_on_between_two_looks)
{
	char *tree = tree_of(under_way, 2500, 70000,
		(struct tree_form){.columns = 100, .rows = 20});

	cr_expect(strstr(tree, " 1 min 3 s\n"), "%s", tree);
	cr_expect(strstr(tree, "running           5 s"), "%s", tree);
	cr_expect(strstr(tree, "done           812 ms"), "%s", tree);
	cr_expect(strstr(tree, "phases, about 7 s left\n"), "%s", tree);
	free(tree);
}

Test(tree, says_when_it_takes_longer_than_usual)
{
	char *tree = tree_of(under_way, 0, 45000,
		(struct tree_form){.columns = 100, .rows = 20});

	cr_expect(strstr(tree, ", longer than the usual 45 s\n"), "%s", tree);
	free(tree);
}

Test(tree, of_a_failure_waits_for_nothing)
{
	expect(failed, 5000, 60000,
		(struct tree_form){.columns = 80, .rows = 20, .ascii = true},
		"shop       failed         2 s  name_taken\n"
		"|-network  ! failed     1.5 s  name_taken: Somebody has it.\n"
		"`-ready    . not begun\n"
		"[---------------------------] 0 of 2 phases\n");
}

Test(tree, colours_stand_beside_words)
{
	char *tree = tree_of(under_way, 0, -1,
		(struct tree_form){.columns = 80, .rows = 20, .colours = true});

	cr_expect(strstr(tree, "\033[32m✓ done"), "%s", tree);
	free(tree);
}

/* Columns of text that has characters of one column and colours only. */
static int width_of(const char *line, const char *end)
{
	int width = 0;

	for (; line < end; line++) {
		if (*line == '\033')
			line = strchr(line, 'm');
		else
			width += ((unsigned char)*line & 0xc0) != 0x80;
	}
	return width;
}

Test(tree, no_line_is_longer_than_the_terminal)
{
	for (int columns = 1; columns < 90; columns++) {
		struct tree_form form = {
			.columns = columns, .rows = 20, .colours = columns % 2};
		char *tree = tree_of(under_way, 0, 45000, form);
		const char *line = tree, *end;

		for (; (end = strchr(line, '\n')); line = end + 1)
			cr_expect(width_of(line, end) <= columns,
				"%d columns:\n%s", columns, tree);
		free(tree);
	}
}

static int lines_of(const char *tree)
{
	int lines = 0;

	for (; *tree; tree++)
		lines += *tree == '\n';
	return lines;
}

Test(tree, has_no_more_lines_than_the_terminal)
{
	for (int rows = 2; rows < 10; rows++) {
		char *tree = tree_of(under_way, 0, -1,
			(struct tree_form){.columns = 80, .rows = rows});

		cr_expect(lines_of(tree) <= rows, "%d rows:\n%s", rows, tree);
		cr_expect(strstr(tree, "1 of 4 phases\n"), "%s", tree);
		free(tree);
	}
}

Test(tree, leaves_out_the_quiet_ones_first)
{
	expect(under_way, 0, -1, (struct tree_form){.columns = 50, .rows = 6},
		"shop          provisioning  1 min 1 s\n"
		"├─network     ✓ done           812 ms\n"
		"├─worker      ▶ 0 of 2\n"
		"│ └─worker/0  ▶ running           3 s  starting?[3\n"
		"└─ready       ○ waiting                for worker\n"
		"[████████░░░░░░░░░░░░░░░░░░░░░░░░░░] 1 of 4 phases\n");
}
