/*
 * Spans of a distributed trace, and their writing as OTLP: the JSON encoding of
 * an ExportTraceServiceRequest (OpenTelemetry protocol 1, "OTLP/HTTP"). Trace
 * and span ids are W3C Trace Context's, in lower-case hex digits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* OTLP's numbers for what a span is in its trace. */
enum span_kind { SPAN_CLIENT = 3, SPAN_PRODUCER = 4, SPAN_CONSUMER = 5 };

enum {
	SPAN_TRACE_SIZE = 33,
	SPAN_ID_SIZE = 17,
	SPAN_NAME_SIZE = 64,
	SPAN_VALUE_SIZE = 64,
	SPAN_ATTRIBUTES_MOST = 8,
};

struct span_attribute {
	const char *key; /* static */
	bool is_number;
	int64_t number;
	char text[SPAN_VALUE_SIZE]; /* cut where it is too long */
};

struct span {
	char trace[SPAN_TRACE_SIZE];
	char id[SPAN_ID_SIZE];
	char parent[SPAN_ID_SIZE]; /* "": it has none */
	enum span_kind kind;
	char name[SPAN_NAME_SIZE];
	int64_t begin_ms; /* since 1970 */
	int64_t end_ms;
	bool failed;
	struct span_attribute attributes[SPAN_ATTRIBUTES_MOST];
	size_t attribute_count;
};

/*
 * Begins a span in the trace of a valid traceparent, with an id of its own.
 * False: whoever began that trace does not record it.
 */
bool span_follow(struct span *span, const char *traceparent);

/* Begins one in a trace that nobody began: the same for the same `seed`. */
void span_root(struct span *span, const char *seed);

/* Begins a child of `parent`. */
void span_child(struct span *span, const struct span *parent);

/* Adds what is known of it; more than SPAN_ATTRIBUTES_MOST are left out. */
void span_add_text(struct span *span, const char *key, const char *value);
void span_add_i64(struct span *span, const char *key, int64_t value);

/* All spans as one request, made by instance `instance` of byoc-worker. The
 * caller frees. */
char *spans_write(const struct span *spans, size_t count, const char *version,
	const char *instance);
