/* Writing rows for PostgreSQL to read. */
#include "rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is quoted here is quoted twice: in its row, and with it in the array. */
#define QUOTE "\\\""
#define ESCAPED_QUOTE "\\\\\\\""
#define ESCAPED_BACKSLASH "\\\\\\\\"
#define TO_ESCAPE "\"\\"
#define TO_QUOTE TO_ESCAPE "(), \t\n\v\f\r"

static void fail(void)
{
	fputs("out of memory for rows\n", stderr);
	abort();
}

void rows_begin(struct rows *rows)
{
	*rows = (struct rows){0};
	rows->out = open_memstream(&rows->text, &rows->size);
	if (!rows->out)
		fail();
	fputc('{', rows->out);
}

static void end_row(struct rows *rows)
{
	if (rows->any)
		fputs(")\"", rows->out);
}

void rows_next(struct rows *rows)
{
	end_row(rows);
	fputs(rows->any ? ",\"(" : "\"(", rows->out);
	rows->any = true;
	rows->in_midst = false;
}

void rows_next_phase(struct rows *rows, const struct job *job, size_t n)
{
	rows_next(rows);
	rows_add_i64(rows, (int64_t)n);
	rows_add_text(rows, job->subject);
	rows_add_i64(rows, job->run);
	rows_add_text(rows, job->phase);
	rows_add_i64(rows, job->index);
}

void rows_add_null(struct rows *rows)
{
	if (rows->in_midst)
		fputc(',', rows->out);
	rows->in_midst = true;
}

void rows_add_i64(struct rows *rows, int64_t number)
{
	rows_add_null(rows);
	fprintf(rows->out, "%" PRId64, number);
}

void rows_add_bool(struct rows *rows, bool value)
{
	rows_add_null(rows);
	fputc(value ? 't' : 'f', rows->out);
}

static void add_escaped(struct rows *rows, const char *text)
{
	size_t plain = strcspn(text, TO_ESCAPE);

	while (text[plain]) {
		fwrite(text, 1, plain, rows->out);
		fputs(text[plain] == '"' ? ESCAPED_QUOTE : ESCAPED_BACKSLASH,
			rows->out);
		text += plain + 1;
		plain = strcspn(text, TO_ESCAPE);
	}
	fputs(text, rows->out);
}

void rows_add_text(struct rows *rows, const char *text)
{
	bool quoted = text && (!*text || text[strcspn(text, TO_QUOTE)]);

	rows_add_null(rows);
	if (!text)
		return;
	if (quoted)
		fputs(QUOTE, rows->out);
	add_escaped(rows, text);
	if (quoted)
		fputs(QUOTE, rows->out);
}

void rows_add_i64s(struct rows *rows, const int64_t *numbers, size_t count)
{
	const char *between = "";

	rows_add_null(rows);
	fputs(QUOTE "{", rows->out);
	for (size_t i = 0; i < count; i++, between = ",")
		fprintf(rows->out, "%s%" PRId64, between, numbers[i]);
	fputs("}" QUOTE, rows->out);
}

void rows_add_json(struct rows *rows, struct json_object *object)
{
	rows_add_text(rows, object ? json_write(object) : NULL);
	json_free(object);
}

/* Closes the text, which is the caller's to free. */
static char *close_rows(struct rows *rows)
{
	end_row(rows);
	fputc('}', rows->out);
	if (ferror(rows->out) || fclose(rows->out))
		fail();
	return rows->text;
}

void rows_add_rows(struct rows *rows, struct rows *inner)
{
	char *text = close_rows(inner);

	rows_add_text(rows, text);
	free(text);
}

const char *rows_end(struct rows *rows, struct arena *arena)
{
	char *text = close_rows(rows);
	const char *copy = arena_copy_text(arena, text);

	free(text);
	return copy;
}
