/* Small things in the words that people read: moments, durations, phases. */
#pragma once

#include <byoc/model.h>
#include <stddef.h>
#include <stdint.h>

enum { MOMENT_SIZE = 24, SPAN_SIZE = 24, LABEL_SIZE = PHASE_NAME_SIZE + 12 };

/* "14:03:59" today, "2026-01-31 14:03" else; local time. */
void moment_short(const char *rfc3339, char text[MOMENT_SIZE]);
/* "14:03:59", whatever the day. */
void moment_clock(const char *rfc3339, char text[MOMENT_SIZE]);

/* "812 ms", "4.2 s", "3 min 20 s", "5 h 3 min". */
void span_short(int64_t ms, char text[SPAN_SIZE]);

/* The same in whole seconds: for what goes on. */
void span_rough(int64_t ms, char text[SPAN_SIZE]);

/* "network", "control_plane/0": the index where there can be several. */
void phase_label(const char *phase, int index, char label[LABEL_SIZE]);
