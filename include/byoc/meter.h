/*
 * Meters: counters and histograms with labels, in the text format of
 * Prometheus ("Exposition formats" in its documentation). Not for several
 * threads at once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { METER_LABELS_MOST = 4, METER_BOUNDS_MOST = 16 };

/* What a meter is; static. */
struct meter_kind {
	const char *name; /* with its unit: "byoc_job_seconds" */
	const char *help; /* one line, without a full stop */
	const char *labels[METER_LABELS_MOST]; /* NULL: no more */
	/* A histogram's upper bounds, ascending, 0 after the last; a counter
	 * has none. */
	double bounds[METER_BOUNDS_MOST];
};

struct meter_series;

/* All zero at first, but for the kind. */
struct meter {
	const struct meter_kind *kind;
	struct meter_series **table; /* by the hash of its labels' values */
	size_t count;
	size_t room;
};

/*
 * Adds to a counter, or observes a value in a histogram. The label values, one
 * for each label, are copied; they are to be few and chosen by us: each new
 * combination stays for good.
 */
void meter_add(struct meter *meter, const char *const *values, double value);

/* Its help, its type, and all series; a counter without labels also at 0. */
void meter_write(const struct meter *meter, FILE *out);

/* "# HELP" and "# TYPE" of a family whose samples the caller writes. */
void meter_write_head(
	FILE *out, const char *name, const char *help, const char *type);

void meter_clear(struct meter *meter);
