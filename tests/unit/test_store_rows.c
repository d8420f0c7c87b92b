/* Rows for PostgreSQL: as its documentation says that it reads them. */
#include "rows.h"

#include <criterion/criterion.h>

static struct arena *arena;
static struct rows rows;

static void begin(void)
{
	arena = arena_new();
	rows_begin(&rows);
}

static void end(void)
{
	arena_free(arena);
}

TestSuite(store_rows, .init = begin, .fini = end);

static void expect(const char *text)
{
	cr_expect_str_eq(rows_end(&rows, arena), text);
}

Test(store_rows, none)
{
	expect("{}");
}

Test(store_rows, values_of_every_kind)
{
	rows_next(&rows);
	rows_add_i64(&rows, -9007199254740993);
	rows_add_bool(&rows, true);
	rows_add_text(&rows, "ssh_key");
	rows_next(&rows);
	rows_add_null(&rows);
	rows_add_bool(&rows, false);
	rows_add_text(&rows, NULL);
	expect("{\"(-9007199254740993,t,ssh_key)\",\"(,f,)\"}");
}

Test(store_rows, an_empty_text_is_not_null)
{
	rows_next(&rows);
	rows_add_text(&rows, "");
	expect("{\"(\\\"\\\")\"}");
}

/* Twice: as a value of its row, and with the row as an element. */
Test(store_rows, what_would_end_a_text_is_escaped)
{
	rows_next(&rows);
	rows_add_text(&rows, "a \"b\" \\ (c), {d}");
	expect("{\"(\\\"a \\\\\\\"b\\\\\\\" \\\\\\\\ (c), {d}\\\")\"}");
}

Test(store_rows, json_is_a_text)
{
	struct json_object *object = json_new();

	json_add_text(object, "a", "b\"");
	rows_next(&rows);
	rows_add_json(&rows, object);
	rows_add_json(&rows, NULL);
	expect("{\"(\\\"{\\\\\\\"a\\\\\\\":\\\\\\\"b"
	       "\\\\\\\\\\\\\\\"\\\\\\\"}\\\",)\"}");
}

Test(store_rows, numbers)
{
	const int64_t numbers[] = {1, -2};

	rows_next(&rows);
	rows_add_i64s(&rows, numbers, 2);
	rows_add_i64s(&rows, NULL, 0);
	expect("{\"(\\\"{1,-2}\\\",\\\"{}\\\")\"}");
}

Test(store_rows, rows_within_a_row)
{
	struct rows inner;

	rows_begin(&inner);
	rows_next(&inner);
	rows_add_text(&inner, "a b");
	rows_next(&rows);
	rows_add_i64(&rows, 1);
	rows_add_rows(&rows, &inner);
	expect("{\"(1,\\\"{\\\\\\\"(\\\\\\\\\\\\\\\"a b"
	       "\\\\\\\\\\\\\\\")\\\\\\\"}\\\")\"}");
}
