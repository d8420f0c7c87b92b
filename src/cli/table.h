/*
 * Data for people: tables and fields out of JSON objects. Everything is shown
 * on one line and without control characters, for it may come from outside.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct json_object;
struct libscols_table;
struct libscols_line;

enum form {
	FORM_PLAIN,    /* a text, a number, or an array of them */
	FORM_SHORT_ID, /* the first 8 digits of a uuid */
	FORM_MOMENT,   /* RFC 3339 as local time */
	FORM_PHASE,    /* `key` is the phase, "index" its index */
};

struct column {
	const char *title;
	const char *key;
	enum form form;
};

/* Rows are the elements of an array. */
void table_print(
	struct json_object *array, const struct column *columns, size_t count);

/* "Title:  value", one line each; members that are null are left out. */
void fields_print(
	struct json_object *object, const struct column *columns, size_t count);

/* One line of JSON. */
void json_print(struct json_object *object);

/*
 * Prints an array as it is, or as a table; an empty table is the sentence
 * `empty`. Frees the array; gives DONE.
 */
int print_list(bool json, struct json_object *array,
	const struct column *columns, size_t count, const char *empty);

/*
 * A copy fit for a terminal and for JSON, as it is UTF-8: the caller frees.
 * Keeps line breaks if told to.
 */
char *readable(const char *text, size_t size, bool lines);

/*
 * A table of libsmartcols in the form that all of ours have; no step of making
 * one fails. `form` is SCOLS_FL_..., a line of a tree has its parent, and texts
 * are copied. Needs a locale of UTF-8: libsmartcols never comes to an end with
 * a text that the locale cannot read.
 */
struct libscols_table *table_new(void);
void table_add_column(
	struct libscols_table *table, const char *title, int form);
struct libscols_line *table_add_line(
	struct libscols_table *table, struct libscols_line *parent);
void table_set(struct libscols_line *line, size_t column, const char *text);
/* Frees the table; the caller frees the text, whose last line has no end. */
char *table_text(struct libscols_table *table);
