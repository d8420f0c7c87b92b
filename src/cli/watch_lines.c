/*
 * A cluster's events as lines: for people who read a log, and for programs.
 */
#include "watch_lines.h"

#include "table.h"
#include "wording.h"
#include <stdlib.h>
#include <string.h>

static void print_line(const char *moment, const char *kind, const char *what,
	const char *state, const char *more)
{
	char *safe = readable(more, strlen(more), false);
	char time_text[MOMENT_SIZE];

	moment_clock(moment, time_text);
	/* No blanks at the end of a line. */
	printf("%s  %-8s %-22s  %-*s%s\n", time_text, kind, what,
		*safe ? 12 : 0, state, safe);
	free(safe);
}

/* "812 ms  7/12 phases", why it failed, or what it waits for. */
static void print_phase(struct lines *lines, const struct json_in *moment,
	const struct json_in *data, const char *at, const char *state)
{
	char label[LABEL_SIZE];
	char more[600] = "";
	char span[SPAN_SIZE] = "";
	int64_t took_ms = -1;
	int index = 0;
	const char *phase = json_opt_text_ref(data, "phase");
	const char *code = json_opt_text_ref(data, "code");
	const char *reason = json_opt_text_ref(data, "reason");

	json_opt_int(data, "index", &index);
	json_opt_i64(moment, "took_ms", &took_ms);
	phase_label(phase ? phase : "?", index, label);
	if (took_ms >= 0)
		span_short(took_ms, span);
	lines->done += strcmp(state, "done") == 0;
	if (code)
		snprintf(more, sizeof more, "%12s  %s: %s", span, code,
			reason ? reason : "");
	else if (strcmp(state, "done") == 0)
		snprintf(more, sizeof more, "%12s  %d/%d phases", span,
			lines->done, lines->total);
	else if (reason)
		snprintf(more, sizeof more, "%s", reason);
	print_line(at, "phase", label, state, more);
}

static void print_cluster(struct lines *lines, const struct json_in *data,
	const char *at, const char *state)
{
	char more[600] = "";
	const char *code = json_opt_text_ref(data, "code");
	const char *reason = json_opt_text_ref(data, "reason");

	/* A run begins: a deletion that goes on begins none. */
	int run = lines->run;
	json_opt_int(data, "run", &run);
	if (run != lines->run)
		lines->done = 0;
	lines->run = run;
	if (code)
		snprintf(more, sizeof more, "%14s%s: %s", "", code,
			reason ? reason : "");
	print_line(at, "cluster", lines->name, state, more);
}

/* One event, as a line for people. */
static void print_event(struct lines *lines, const struct json_in *moment,
	const struct json_in *event)
{
	static const char prefix[] = "cloud.mengi.byoc.cluster.";
	struct json_in data;
	const char *type = json_text_ref(event, "type");
	const char *at = json_text_ref(event, "time");

	if (!json_into(event, "data", &data) || !type || !at)
		return;
	if (strncmp(type, prefix, strlen(prefix)) == 0)
		type += strlen(prefix);
	if (strncmp(type, "phase.", 6) == 0)
		print_phase(lines, moment, &data, at, type + 6);
	else
		print_cluster(lines, &data, at, type);
}

static void print_events(struct lines *lines, const struct json_in *news)
{
	struct json_in moment, event;

	for (size_t i = 0; i < json_count(news, "moments"); i++) {
		if (!json_element(news, "moments", i, &moment) ||
			!json_into(&moment, "event", &event))
			return;
		if (lines->json)
			json_print(event.at);
		else
			print_event(lines, &moment, &event);
	}
}

void lines_print(struct lines *lines, const struct json_in *news)
{
	json_text(news, "name", lines->name, sizeof lines->name);
	json_int(news, "total", &lines->total);
	print_events(lines, news);
	fflush(stdout);
}
