/* Writing rows for PostgreSQL to read. */
#include "rows.h"

#include <inttypes.h>
#include <stdlib.h>

/* What is quoted here is quoted twice: in its row, and with it in the array. */
#define QUOTE "\\\""
#define ESCAPED_QUOTE "\\\\\\\""
#define ESCAPED_BACKSLASH "\\\\\\\\"

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

void rows_add_text(struct rows *rows, const char *text)
{
	rows_add_null(rows);
	if (!text)
		return;
	fputs(QUOTE, rows->out);
	for (; *text; text++)
		if (*text == '"')
			fputs(ESCAPED_QUOTE, rows->out);
		else if (*text == '\\')
			fputs(ESCAPED_BACKSLASH, rows->out);
		else
			fputc(*text, rows->out);
	fputs(QUOTE, rows->out);
}

void rows_add_json(struct rows *rows, struct json_object *object)
{
	rows_add_text(rows, object ? json_write(object) : NULL);
	json_free(object);
}

const char *rows_end(struct rows *rows, struct arena *arena)
{
	const char *text;

	end_row(rows);
	fputc('}', rows->out);
	if (ferror(rows->out) || fclose(rows->out))
		fail();
	text = arena_copy_text(arena, rows->text);
	free(rows->text);
	return text;
}
