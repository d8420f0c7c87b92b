/* Tables and fields out of JSON objects, laid out by libsmartcols. */
#include "table.h"

#include "command.h"
#include "wording.h"
#include <byoc/json.h>
#include <byoc/memory.h>
#include <byoc/utf8.h>
#include <json-c/json.h>
#include <libsmartcols/libsmartcols.h>
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

/* Memory is all that it can lack. */
static void must(int failure)
{
	if (failure)
		abort();
}

struct libscols_table *table_new(void)
{
	struct libscols_table *table = scols_new_table();

	if (!table)
		abort();
	must(scols_table_set_column_separator(table, "  "));
	must(scols_table_enable_minout(table, 1));
	/* What comes from outside has been made readable before. */
	must(scols_table_enable_noencoding(table, 1));
	must(scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER));
	return table;
}

void table_add_column(struct libscols_table *table, const char *title, int form)
{
	if (!scols_table_new_column(table, title, 0, form))
		abort();
}

struct libscols_line *table_add_line(
	struct libscols_table *table, struct libscols_line *parent)
{
	struct libscols_line *line = scols_table_new_line(table, parent);

	if (!line)
		abort();
	return line;
}

void table_set(struct libscols_line *line, size_t column, const char *text)
{
	must(scols_line_set_data(line, column, text));
}

char *table_text(struct libscols_table *table)
{
	char *text = NULL;

	must(scols_print_table_to_string(table, &text));
	scols_unref_table(table);
	return text ? text : memory_copy_text("");
}

static void print_and_free(struct libscols_table *table)
{
	char *text = table_text(table);

	puts(text);
	free(text);
}

void table_print(
	struct json_object *array, const struct column *columns, size_t count)
{
	struct libscols_table *table = table_new();

	for (size_t i = 0; i < count; i++)
		table_add_column(table, columns[i].title, 0);
	for (size_t row = 0; row < json_object_array_length(array); row++) {
		struct json_object *object =
			json_object_array_get_idx(array, row);
		struct libscols_line *line = table_add_line(table, NULL);

		for (size_t i = 0; i < count; i++) {
			char *text = cell(object, &columns[i]);
			table_set(line, i, text ? text : "-");
			free(text);
		}
	}
	print_and_free(table);
}

void fields_print(
	struct json_object *object, const struct column *columns, size_t count)
{
	struct libscols_table *table = table_new();

	must(scols_table_enable_noheadings(table, 1));
	table_add_column(table, "NAME", 0);
	table_add_column(table, "VALUE", 0);
	for (size_t i = 0; i < count; i++) {
		char *text = cell(object, &columns[i]);
		char title[40];

		if (text) {
			struct libscols_line *line =
				table_add_line(table, NULL);
			snprintf(title, sizeof title, "%s:", columns[i].title);
			table_set(line, 0, title);
			table_set(line, 1, text);
		}
		free(text);
	}
	print_and_free(table);
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
