/* Moments, durations and phases in the words that people read. */
#include "wording.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Cuts off the fraction of the second; what is no moment stays as it is. */
static bool read_local(const char *rfc3339, struct tm *local)
{
	struct tm utc = {0};

	if (!strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &utc))
		return false;
	time_t moment = timegm(&utc);
	return localtime_r(&moment, local);
}

void moment_short(const char *rfc3339, char text[MOMENT_SIZE])
{
	struct tm then, today;
	time_t now = time(NULL);

	localtime_r(&now, &today);
	if (!read_local(rfc3339, &then))
		snprintf(text, MOMENT_SIZE, "%.19s", rfc3339);
	else if (then.tm_year == today.tm_year && then.tm_yday == today.tm_yday)
		strftime(text, MOMENT_SIZE, "%H:%M:%S", &then);
	else
		strftime(text, MOMENT_SIZE, "%Y-%m-%d %H:%M", &then);
}

void moment_clock(const char *rfc3339, char text[MOMENT_SIZE])
{
	struct tm then;

	if (read_local(rfc3339, &then))
		strftime(text, MOMENT_SIZE, "%H:%M:%S", &then);
	else
		snprintf(text, MOMENT_SIZE, "%.8s", rfc3339);
}

void span_short(int64_t ms, char text[SPAN_SIZE])
{
	int64_t s = ms / 1000;

	if (ms < 1000)
		snprintf(text, SPAN_SIZE, "%" PRId64 " ms", ms);
	else if (s < 60)
		snprintf(text, SPAN_SIZE, "%" PRId64 ".%" PRId64 " s", s,
			ms % 1000 / 100);
	else if (s < 3600)
		snprintf(text, SPAN_SIZE, "%" PRId64 " min %" PRId64 " s",
			s / 60, s % 60);
	else
		snprintf(text, SPAN_SIZE, "%" PRId64 " h %" PRId64 " min",
			s / 3600, s % 3600 / 60);
}

void span_rough(int64_t ms, char text[SPAN_SIZE])
{
	if (ms < 60000)
		snprintf(text, SPAN_SIZE, "%" PRId64 " s", ms / 1000);
	else
		span_short(ms, text);
}

void phase_label(const char *phase, int index, char label[LABEL_SIZE])
{
	bool several = index > 0 || strcmp(phase, "control_plane") == 0 ||
		       strcmp(phase, "worker") == 0;

	if (several)
		snprintf(label, LABEL_SIZE, "%.31s/%d", phase, index);
	else
		snprintf(label, LABEL_SIZE, "%.31s", phase);
}
