/*
 * Watching: events come from the database, which has them all in their order,
 * so that nothing is missed however late the watching begins or whatever is
 * restarted meanwhile. The end is told by the record, not by an event.
 */
#include "watch.h"

#include "patience.h"
#include "table.h"
#include "wording.h"
#include <byoc/clock.h>
#include <byoc/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 200 };

struct watch {
	struct call *call;
	const char *id;
	char name[NAME_SIZE];
	int64_t after; /* number of the last event shown */
	int64_t begin_ms;
	int64_t lost_ms; /* since when the database is away; 0: it is not */
	int run;
	int done, total; /* phases of this run */
	bool live;       /* a last line that changes */
	bool told_waiting;
	char waiting_for[400]; /* as it was told last; "": for nothing */
};

static void clear_live(const struct watch *watch)
{
	if (watch->live)
		fputs("\r\033[K", stdout);
}

static void draw_live(const struct watch *watch, const char *status)
{
	char span[SPAN_SIZE];

	if (!watch->live)
		return;
	span_short((clock_now_ms() - watch->begin_ms) / 1000 * 1000, span);
	printf("\r\033[K          %s, %d/%d phases, %s", status, watch->done,
		watch->total, span);
	fflush(stdout);
}

static void print_line(const struct watch *watch, const char *moment,
	const char *kind, const char *what, const char *state, const char *more)
{
	char *safe = readable(more, strlen(more), false);
	char time_text[MOMENT_SIZE];

	moment_clock(moment, time_text);
	clear_live(watch);
	/* No blanks at the end of a line. */
	printf("%s  %-8s %-22s  %-*s%s\n", time_text, kind, what,
		*safe ? 12 : 0, state, safe);
	free(safe);
}

/* "812 ms  7/12 phases", or why it failed. */
static void print_phase(struct watch *watch, const struct json_in *moment,
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
	watch->done += strcmp(state, "done") == 0;
	if (code)
		snprintf(more, sizeof more, "%12s  %s: %s", span, code,
			reason ? reason : "");
	else if (strcmp(state, "done") == 0)
		snprintf(more, sizeof more, "%12s  %d/%d phases", span,
			watch->done, watch->total);
	print_line(watch, at, "phase", label, state, more);
}

static void print_cluster(struct watch *watch, const struct json_in *data,
	const char *at, const char *state)
{
	char more[600] = "";
	const char *code = json_opt_text_ref(data, "code");
	const char *reason = json_opt_text_ref(data, "reason");

	/* A run begins: a deletion that goes on begins none. */
	int run = watch->run;
	json_opt_int(data, "run", &run);
	if (run != watch->run)
		watch->done = 0;
	watch->run = run;
	if (code)
		snprintf(more, sizeof more, "%14s%s: %s", "", code,
			reason ? reason : "");
	print_line(watch, at, "cluster", watch->name, state, more);
}

/* One event, as a line for people. */
static void print_event(struct watch *watch, const struct json_in *moment,
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
		print_phase(watch, moment, &data, at, type + 6);
	else
		print_cluster(watch, &data, at, type);
}

static void take_events(struct watch *watch, const struct json_in *news)
{
	struct json_in moment, event;

	for (size_t i = 0; i < json_count(news, "moments"); i++) {
		if (!json_element(news, "moments", i, &moment) ||
			!json_into(&moment, "event", &event))
			return;
		json_i64(&moment, "sequence", &watch->after);
		if (watch->call->json)
			json_print(event.at);
		else
			print_event(watch, &moment, &event);
	}
	fflush(stdout);
}

/* A deletion without a good token goes on when there is one. */
static void tell_waiting(struct watch *watch, const struct json_in *news)
{
	const char *reason = json_opt_text_ref(news, "reason");
	const char *status = json_text_ref(news, "status");
	bool waits = reason && status && strcmp(status, "deleting") == 0;

	if (waits && !watch->told_waiting) {
		clear_live(watch);
		remark("cluster %s waits: %s", watch->name, reason);
	}
	watch->told_waiting = waits;
}

/* What a phase waits for, each time that it is something else. */
static void tell_waiting_for(struct watch *watch, const struct json_in *news)
{
	struct json_in waiting;
	char label[LABEL_SIZE];
	int index = 0;

	if (watch->call->json || !json_opt_into(news, "waiting", &waiting))
		return;
	const char *phase = json_opt_text_ref(&waiting, "phase");
	const char *reason = json_opt_text_ref(&waiting, "reason");
	const char *at = json_opt_text_ref(&waiting, "at");
	if (!phase || !reason || !at || strcmp(reason, watch->waiting_for) == 0)
		return;
	snprintf(watch->waiting_for, sizeof watch->waiting_for, "%s", reason);
	json_opt_int(&waiting, "index", &index);
	phase_label(phase, index, label);
	print_line(watch, at, "phase", label, "waiting", reason);
}

static int tell_end(const struct watch *watch, const struct json_in *news)
{
	const char *status = json_text_ref(news, "status");
	const char *endpoint = json_opt_text_ref(news, "endpoint");
	const char *code = json_opt_text_ref(news, "code");
	const char *reason = json_opt_text_ref(news, "reason");

	clear_live(watch);
	if (status && strcmp(status, "failed") == 0)
		return fail_saying("cluster %s failed: %s (%s)", watch->name,
			reason ? reason : "no reason was given",
			code ? code : "no code");
	if (watch->call->json || !status)
		return DONE;
	printf("cluster %s is %s", watch->name, status);
	if (endpoint && strcmp(status, "running") == 0)
		printf(" at %s; get into it with\n"
		       "`byoc cluster kubeconfig %.8s > kubeconfig`",
			endpoint, watch->id);
	putchar('\n');
	return DONE;
}

static bool await_database(struct watch *watch, const struct err *err)
{
	if (!watch->lost_ms)
		clear_live(watch);
	return patience_await(watch->call->store, &watch->lost_ms, err);
}

/* One look; true when the watching is over, with its status. */
static bool look(struct watch *watch, int *status)
{
	struct err err = {0};
	bool settled = false;
	struct json_object *found = console_watch(
		watch->call->store, watch->id, watch->after, &err);
	const struct json_in news = {found, "watch", &err};

	if (found) {
		watch->lost_ms = 0;
		json_text(&news, "name", watch->name, sizeof watch->name);
		json_int(&news, "total", &watch->total);
		json_flag(&news, "settled", &settled);
		take_events(watch, &news);
		tell_waiting(watch, &news);
		tell_waiting_for(watch, &news);
		draw_live(watch, json_text_ref(&news, "status"));
	}
	bool over = err.kind ? !await_database(watch, &err) : settled;
	if (over && err.kind) {
		clear_live(watch);
		*status = fail(&err);
	} else if (over) {
		*status = tell_end(watch, &news);
	}
	json_free(found);
	return over;
}

int watch_cluster(struct call *call, const char *id, int64_t after)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000};
	struct watch watch = {
		.call = call,
		.id = id,
		.after = after,
		.begin_ms = clock_now_ms(),
		.live = !call->json && isatty(STDOUT_FILENO),
	};
	int status = DONE;

	while (!look(&watch, &status))
		nanosleep(&pause, NULL);
	return status;
}
