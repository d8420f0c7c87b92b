/* Tables and fields out of JSON objects. */
#include "table.h"

#include "command.h"
#include "wording.h"
#include <byoc/json.h>
#include <byoc/memory.h>
#include <byoc/utf8.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

char *readable(const char *text, size_t size, bool lines)
{
	char *copy = memory_new(size + 1);
	size_t next = 0;

	for (size_t i = 0; i < size; i = next) {
		size_t here = utf8_size(text + i, size - i);
		bool kept = lines && (text[i] == '\n' || text[i] == '\t');

		next = i + (here ? here : 1);
		if (here && (kept || !utf8_is_control(text + i)))
			memcpy(copy + i, text + i, here);
		else
			memset(copy + i, '?', next - i);
	}
	return copy;
}

static char *join(struct json_object *array)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	for (size_t i = 0; i < json_object_array_length(array); i++)
		fprintf(out, "%s%s", i ? ", " : "",
			json_object_get_string(
				json_object_array_get_idx(array, i)));
	fclose(out);
	return text;
}

static char *format_phase(struct json_object *row, const char *phase)
{
	char label[LABEL_SIZE];
	struct json_object *index = json_object_object_get(row, "index");

	phase_label(phase, json_object_get_int(index), label);
	return memory_copy_text(label);
}

static char *format_moment(const char *rfc3339)
{
	char text[MOMENT_SIZE];

	moment_short(rfc3339, text);
	return memory_copy_text(text);
}

/* The caller frees; NULL: there is nothing to show. */
static char *cell(struct json_object *row, const struct column *column)
{
	struct json_object *value = json_object_object_get(row, column->key);

	if (!value)
		return NULL;
	if (json_object_is_type(value, json_type_array))
		return join(value);
	const char *text = json_object_get_string(value);
	char *shown = column->form == FORM_MOMENT ? format_moment(text)
		      : column->form == FORM_PHASE
			      ? format_phase(row, text)
			      : readable(text, strlen(text), false);
	if (column->form == FORM_SHORT_ID && uuid_valid(shown))
		shown[8] = '\0';
	return shown;
}

/* In characters of UTF-8. */
static int width(const char *text)
{
	int characters = 0;

	for (; *text; text++)
		characters += ((unsigned char)*text & 0xc0) != 0x80;
	return characters;
}

/* The last column of a line has no blanks behind it. */
static void print_cell(const char *text, int wanted, bool last)
{
	printf("%s", text);
	if (last)
		putchar('\n');
	else
		printf("%*s", wanted - width(text) + 2, "");
}

void table_print(
	struct json_object *array, const struct column *columns, size_t count)
{
	size_t rows = json_object_array_length(array);
	char **cells = memory_new(((rows + 1) * count) * sizeof *cells);
	int *widths = memory_new(count * sizeof *widths);

	for (size_t i = 0; i < (rows + 1) * count; i++) {
		const struct column *column = &columns[i % count];
		struct json_object *row =
			i < count ? NULL
				  : json_object_array_get_idx(
					    array, i / count - 1);

		cells[i] = row ? cell(row, column)
			       : memory_copy_text(column->title);
		if (!cells[i])
			cells[i] = memory_copy_text("-");
		if (width(cells[i]) > widths[i % count])
			widths[i % count] = width(cells[i]);
	}
	for (size_t i = 0; i < (rows + 1) * count; i++) {
		print_cell(cells[i], widths[i % count], i % count == count - 1);
		free(cells[i]);
	}
	free(cells);
	free(widths);
}

void fields_print(
	struct json_object *object, const struct column *columns, size_t count)
{
	int widest = 0;

	for (size_t i = 0; i < count; i++)
		if (width(columns[i].title) > widest)
			widest = width(columns[i].title);
	for (size_t i = 0; i < count; i++) {
		char *text = cell(object, &columns[i]);

		if (text)
			printf("%s:%*s%s\n", columns[i].title,
				widest - width(columns[i].title) + 2, "", text);
		free(text);
	}
}

void json_print(struct json_object *object)
{
	puts(json_write(object));
}

int print_list(bool json, struct json_object *array,
	const struct column *columns, size_t count, const char *empty)
{
	if (json)
		json_print(array);
	else if (json_object_array_length(array) == 0)
		puts(empty);
	else
		table_print(array, columns, count);
	json_free(array);
	return DONE;
}
