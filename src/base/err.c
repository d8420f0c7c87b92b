/* Errors as values. The first failure wins: what follows it is its echo. */
#include <byoc/err.h>

#include <byoc/memory.h>
#include <byoc/utf8.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_words[] = {
	[ERR_NONE] = "none",
	[ERR_RETRY] = "retry",
	[ERR_REFUSED] = "refused",
	[ERR_CREDENTIAL] = "credential",
	[ERR_BAD_INPUT] = "bad_input",
	[ERR_BUG] = "bug",
};
_Static_assert(COUNT(kind_words) == ERR_KIND_COUNT, "name every kind");

bool err_set(struct err *err, enum err_kind kind, const char *code,
	const char *fmt, ...)
{
	if (err->kind != ERR_NONE)
		return false;

	va_list args;
	va_start(args, fmt);
	err->kind = kind;
	snprintf(err->code, sizeof err->code, "%s", code);
	vsnprintf(err->text, sizeof err->text, fmt, args);
	va_end(args);
	/* A text from elsewhere may be anything, and ours may be cut off. */
	utf8_mend(err->code);
	utf8_mend(err->text);
	return false;
}

bool err_prefix(struct err *err, const char *what)
{
	char text[sizeof err->text];

	memcpy(text, err->text, sizeof text);
	int used = snprintf(err->text, sizeof err->text, "%s: ", what);
	if (used >= 0 && (size_t)used < sizeof err->text)
		snprintf(err->text + used, sizeof err->text - (size_t)used,
			"%s", text);
	utf8_mend(err->text);
	return false;
}

void err_clear(struct err *err)
{
	*err = (struct err){0};
}

const char *err_kind_word(enum err_kind kind)
{
	return kind_words[kind];
}
