/*
 * A parameter whose type is an array of a composite: rows of values, in the
 * order of the composite's columns. PostgreSQL reads it with a fraction of what
 * JSON takes it; a worker knows exactly one version of the schema (open.c).
 * Its form: PostgreSQL's documentation, "Array Input and Output Syntax" and
 * "Composite Type Input and Output Syntax".
 */
#pragma once

#include <byoc/json.h>
#include <byoc/memory.h>
#include <byoc/model.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct rows {
	FILE *out;
	char *text;
	size_t size;
	bool any;      /* rows so far? */
	bool in_midst; /* values in this row so far? */
};

void rows_begin(struct rows *rows);
void rows_next(struct rows *rows); /* begins a row */
/* Begins one with n, cluster_id, run, phase and index of a job for a phase. */
void rows_next_phase(struct rows *rows, const struct job *job, size_t n);

void rows_add_null(struct rows *rows);
void rows_add_i64(struct rows *rows, int64_t number);
void rows_add_bool(struct rows *rows, bool value);
void rows_add_text(struct rows *rows, const char *text); /* NULL: null */
void rows_add_i64s(struct rows *rows, const int64_t *numbers, size_t count);
/* Frees the object. NULL: null. */
void rows_add_json(struct rows *rows, struct json_object *object);
/* Rows within this one: ends the inner ones. */
void rows_add_rows(struct rows *rows, struct rows *inner);

/* The text, in the arena. */
const char *rows_end(struct rows *rows, struct arena *arena);
