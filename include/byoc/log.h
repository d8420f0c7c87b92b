/*
 * Logging: one line per event on standard error, as JSON or as text. The event
 * is a fixed word, never a sentence; everything else is a field. Only the
 * worker and main programs log; lower layers return errors.
 */
#pragma once

#include <byoc/err.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVEL_COUNT };
enum log_format { LOG_JSON, LOG_PLAIN, LOG_FORMAT_COUNT };

struct log_field {
	const char *key; /* NULL ends a list of fields */
	const char *text;
	int64_t number;
	bool is_number;
};

void log_setup(enum log_level level, enum log_format format);

/* Fields follow, ended by LOG_END. A field with a NULL text is left out. */
void log_event(enum log_level level, const char *event, ...);

struct log_field log_text(const char *key, const char *text);
struct log_field log_i64(const char *key, int64_t number);
#define LOG_END ((struct log_field){0})

/* error_kind, code and text of a failure as three fields of the line. */
#define LOG_ERR(err)                                                           \
	log_text("error", err_kind_word((err)->kind)),                         \
		log_text("code", (err)->code), log_text("text", (err)->text)
