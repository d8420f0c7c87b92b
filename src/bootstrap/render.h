/*
 * Fills templates: {{name}} stands for a value. Where it stands decides the
 * form of the value, and what has no safe form there is an error (ERR_BUG):
 *
 * - alone on its line, it is a block: lines of text, each indented as the
 *   placeholder is, so that files nest into YAML. An empty block leaves no
 *   line behind.
 * - within a line, it is a word of letters, digits and "._:/=@+-", which means
 *   itself in YAML, shell, systemd units and nftables alike, quoted or not.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>

enum { VALUES_MAX = 64 };

struct value {
	const char *name;
	const char *text;
	size_t size;
	struct secret owned; /* where the text is, unless it is borrowed */
};

struct values {
	struct value items[VALUES_MAX];
	size_t count;
};

/* Borrow the text. NULL leaves the name unknown. */
void values_text(struct values *values, const char *name, const char *text);
void values_secret(
	struct values *values, const char *name, const struct secret *secret);

/* Copies the text. */
void values_copy(
	struct values *values, const char *name, const char *text, size_t size);

/* Takes the secret over. */
void values_own(struct values *values, const char *name, struct secret *secret);

void values_clear(struct values *values); /* wipes */

bool render(const char *template, const struct values *values,
	struct secret *out, struct err *err);

/* Renders a template into a value of its own, for templates that nest. */
bool values_render(struct values *values, const char *name,
	const char *template, struct err *err);
