/*
 * Logging: a line is built whole and written with one call, so that lines of
 * several processes on one pipe do not mix.
 */
#include <byoc/log.h>

#include <byoc/clock.h>
#include <byoc/json.h>
#include <byoc/memory.h>
#include <byoc/utf8.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum log_level max_level = LOG_INFO;
static enum log_format line_format = LOG_JSON;

static const char *const level_words[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};
_Static_assert(COUNT(level_words) == LOG_LEVEL_COUNT, "name every level");

void log_setup(enum log_level level, enum log_format format)
{
	max_level = level;
	line_format = format;
}

struct log_field log_text(const char *key, const char *text)
{
	return (struct log_field){.key = key, .text = text};
}

struct log_field log_i64(const char *key, int64_t number)
{
	return (struct log_field){
		.key = key, .number = number, .is_number = true};
}

static void write_line(const char *line, size_t size)
{
	while (size > 0) {
		ssize_t n = write(STDERR_FILENO, line, size);
		if (n <= 0)
			return;
		line += n;
		size -= (size_t)n;
	}
}

/* What came from outside need not be UTF-8, which JSON is. */
static void add_mended(
	struct json_object *line, const char *key, const char *text)
{
	char *mended = memory_copy_text(text);

	utf8_mend(mended);
	json_add_text(line, key, mended);
	free(mended);
}

static char *json_line(
	const char *at, enum log_level level, const char *event, va_list fields)
{
	struct json_object *line = json_new();

	json_add_text(line, "at", at);
	json_add_text(line, "level", level_words[level]);
	json_add_text(line, "event", event);
	for (;;) {
		struct log_field field = va_arg(fields, struct log_field);
		if (!field.key)
			break;
		if (field.is_number)
			json_add_i64(line, field.key, field.number);
		else if (field.text)
			add_mended(line, field.key, field.text);
	}
	char *text = memory_copy_text(json_write(line));
	json_free(line);
	return text;
}

/* Control characters would act on a terminal: they are blanks. In place. */
static void make_readable(char *text)
{
	utf8_mend(text);
	for (size_t left = strlen(text), size; left;
		text += size, left -= size) {
		size = utf8_size(text, left);
		if (utf8_is_control(text))
			memset(text, ' ', size);
	}
}

/* In quotes where it is not one word, so that no text looks like a field. */
static void write_text(FILE *line, const char *text)
{
	char *readable = memory_copy_text(text);

	make_readable(readable);
	if (!strpbrk(readable, " \"\\")) {
		fputs(readable, line);
	} else {
		fputc('"', line);
		for (const char *c = readable; *c; c++)
			fprintf(line, strchr("\"\\", *c) ? "\\%c" : "%c", *c);
		fputc('"', line);
	}
	free(readable);
}

/* 12:00:01.250 info  phase.done cluster=... took_ms=812 */
static char *plain_line(
	const char *at, enum log_level level, const char *event, va_list fields)
{
	char *text = NULL;
	size_t size = 0;
	FILE *line = open_memstream(&text, &size);

	if (!line)
		abort();
	fprintf(line, "%.12s %-5s %s", at + strlen("2026-01-01T"),
		level_words[level], event);
	for (;;) {
		struct log_field field = va_arg(fields, struct log_field);
		if (!field.key)
			break;
		if (field.is_number)
			fprintf(line, " %s=%lld", field.key,
				(long long)field.number);
		if (field.is_number || !field.text)
			continue;
		fprintf(line, " %s=", field.key);
		write_text(line, field.text);
	}
	if (fclose(line))
		abort();
	return text;
}

void log_event(enum log_level level, const char *event, ...)
{
	char at[32];
	va_list fields;

	if (level > max_level)
		return;
	clock_rfc3339(clock_unix_ms(), at, sizeof at);
	va_start(fields, event);
	char *line = line_format == LOG_JSON
			     ? json_line(at, level, event, fields)
			     : plain_line(at, level, event, fields);
	va_end(fields);
	size_t size = strlen(line);
	line[size] = '\n'; /* in place of the zero byte: size is kept */
	write_line(line, size + 1);
	free(line);
}
