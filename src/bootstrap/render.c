/* Fills templates. What is filled in may be secret: it is in no error text. */
#include "render.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Measures when `at` is NULL, so that the secret is made in its right size. */
struct sink {
	char *at;
	size_t size;
};

static void put(struct sink *sink, const char *text, size_t size)
{
	if (sink->at && size)
		memcpy(sink->at + sink->size, text, size);
	sink->size += size;
}

static void add_value(struct values *values, const struct value *value)
{
	if (values->count == VALUES_MAX)
		abort(); /* raise VALUES_MAX */
	values->items[values->count++] = *value;
}

void values_text(struct values *values, const char *name, const char *text)
{
	if (text)
		add_value(
			values, &(struct value){name, text, strlen(text), {0}});
}

void values_secret(
	struct values *values, const char *name, const struct secret *secret)
{
	if (secret)
		add_value(values, &(struct value){name, secret->bytes,
					  secret->size, {0}});
}

void values_copy(
	struct values *values, const char *name, const char *text, size_t size)
{
	struct secret copy;

	secret_set(&copy, text, size);
	values_own(values, name, &copy);
}

void values_own(struct values *values, const char *name, struct secret *secret)
{
	add_value(values,
		&(struct value){name, secret->bytes, secret->size, *secret});
	*secret = (struct secret){0};
}

void values_clear(struct values *values)
{
	for (size_t i = 0; i < values->count; i++)
		secret_clear(&values->items[i].owned);
	values->count = 0;
}

static const struct value *find_value(const struct values *values,
	const char *name, size_t size, struct err *err)
{
	for (size_t i = 0; i < values->count; i++) {
		const struct value *value = &values->items[i];
		if (strlen(value->name) == size &&
			!memcmp(value->name, name, size))
			return value;
	}
	err_set(err, ERR_BUG, "template_unknown_name",
		"a template asks for {{%.*s}}, which has no value", (int)size,
		name);
	return NULL;
}

static bool put_word(
	struct sink *sink, const struct value *value, struct err *err)
{
	bool ok = value->size > 0;

	for (size_t i = 0; i < value->size; i++) {
		char c = value->text[i];
		ok = ok && c &&
		     (isalnum((unsigned char)c) || strchr("._:/=@+-", c));
	}
	if (!ok)
		return err_set(err, ERR_BUG, "template_bad_value",
			"the value of {{%s}} is not a plain word", value->name);
	put(sink, value->text, value->size);
	return true;
}

/* Spaces before the first line would become part of YAML's indentation. */
static bool is_block(const struct value *value)
{
	for (size_t i = 0; i < value->size; i++)
		if (iscntrl((unsigned char)value->text[i]) &&
			value->text[i] != '\n' && value->text[i] != '\t')
			return false;
	return !value->size || !isspace((unsigned char)value->text[0]);
}

static bool put_block(struct sink *sink, const struct value *value,
	const char *line, size_t indent, struct err *err)
{
	const char *at = value->text, *end = value->text + value->size;

	if (!is_block(value))
		return err_set(err, ERR_BUG, "template_bad_value",
			"the value of {{%s}} is not lines of text",
			value->name);
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((newline ? newline : end) - at);
		if (size) {
			put(sink, line, indent);
			put(sink, at, size);
		}
		put(sink, "\n", 1);
		at += size + 1;
	}
	return true;
}

/* The placeholder's end behind "{{"; NULL when it has none on its line. */
static const char *name_end(
	const char *name, const char *line_end, struct err *err)
{
	const char *end = memmem(name, (size_t)(line_end - name), "}}", 2);

	if (!end)
		err_set(err, ERR_BUG, "template_malformed",
			"a template has {{ without }}");
	return end;
}

/* `line_end` is behind the newline. */
static bool render_line(const char *line, const char *line_end,
	const struct values *values, struct sink *sink, struct err *err)
{
	for (const char *at = line; at < line_end;) {
		const char *open = memmem(at, (size_t)(line_end - at), "{{", 2);
		put(sink, at, (size_t)((open ? open : line_end) - at));
		if (!open)
			break;
		const char *close = name_end(open + 2, line_end, err);
		const struct value *value =
			!close ? NULL
			       : find_value(values, open + 2,
					 (size_t)(close - open - 2), err);
		if (!value || !put_word(sink, value, err))
			return false;
		at = close + 2;
	}
	return true;
}

/* Is the whole line one placeholder? Then its name is at *name. */
static bool is_block_line(
	const char *line, const char *line_end, const char **name, size_t *size)
{
	const char *open = line + strspn(line, " ");
	const char *close = line_end - 1;

	if (line_end > line && line_end[-1] != '\n')
		close = line_end;
	if (close - open < 4 || memcmp(open, "{{", 2) ||
		memcmp(close - 2, "}}", 2) ||
		memmem(open + 2, (size_t)(close - open - 4), "}}", 2))
		return false;
	*name = open + 2;
	*size = (size_t)(close - open - 4);
	return true;
}

static bool render_into(struct sink *sink, const char *template,
	const struct values *values, struct err *err)
{
	const char *line = template;

	while (*line) {
		const char *newline = strchr(line, '\n');
		const char *end = newline ? newline + 1 : strchr(line, '\0');
		const char *name;
		size_t size;
		bool ok;

		if (is_block_line(line, end, &name, &size)) {
			const struct value *value =
				find_value(values, name, size, err);
			ok = value && put_block(sink, value, line,
					      (size_t)(name - 2 - line), err);
		} else {
			ok = render_line(line, end, values, sink, err);
		}
		if (!ok)
			return false;
		line = end;
	}
	return true;
}

bool render(const char *template, const struct values *values,
	struct secret *out, struct err *err)
{
	struct sink measure = {0};

	if (!render_into(&measure, template, values, err))
		return false;
	secret_init(out, measure.size);
	struct sink write = {.at = out->bytes};
	return render_into(&write, template, values, err);
}

bool values_render(struct values *values, const char *name,
	const char *template, struct err *err)
{
	struct secret out;

	if (!render(template, values, &out, err))
		return false;
	values_own(values, name, &out);
	return true;
}
