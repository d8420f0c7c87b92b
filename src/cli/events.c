/*
 * Events: what happened to clusters and credentials, a line each. They come
 * from the database, which has them all, also while the broker is away.
 */
#include "commands.h"

#include "patience.h"
#include "table.h"
#include "wording.h"
#include <byoc/json.h>
#include <byoc/memory.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POLL_MS = 500 };

/* "worker-0", or the subject's name, or what was asked for. */
static void label(const struct json_in *data, char text[LABEL_SIZE])
{
	const char *phase = json_opt_text_ref(data, "phase");
	const char *name = json_opt_text_ref(data, "name");
	int index = 0;

	json_opt_int(data, "index", &index);
	if (phase)
		phase_label(phase, index, text);
	else
		snprintf(text, LABEL_SIZE, "%s", name ? name : "");
}

static void print_event(const struct json_in *event)
{
	static const char prefix[] = "cloud.mengi.byoc.";
	const char *type = json_text_ref(event, "type");
	const char *at = json_text_ref(event, "time");
	const char *subject = json_text_ref(event, "subject");
	char moment[MOMENT_SIZE], what[LABEL_SIZE];
	struct json_in data;

	if (!type || !at || !subject || !json_into(event, "data", &data))
		return;
	const char *code = json_opt_text_ref(&data, "code");
	const char *reason = json_opt_text_ref(&data, "reason");
	char *safe = readable(
		reason ? reason : "", reason ? strlen(reason) : 0, false);
	if (strncmp(type, prefix, strlen(prefix)) == 0)
		type += strlen(prefix);
	moment_clock(at, moment);
	label(&data, what);
	printf("%s  %.8s  %-24s  %s%s%s%s%s\n", moment, subject, type, what,
		code ? "  " : "", code ? code : "", code ? ": " : "", safe);
	free(safe);
}

static void print_events(struct call *call, const struct json_in *found)
{
	struct json_in event;

	for (size_t i = 0; i < json_count(found, "events"); i++) {
		if (!json_element(found, "events", i, &event))
			return;
		if (call->json)
			json_print(event.at);
		else
			print_event(&event);
	}
	fflush(stdout);
}

struct follow {
	struct call *call;
	const char *cluster;       /* NULL: all */
	struct json_object *found; /* by the last look */
	int64_t lost_ms; /* since when the database is away; 0: it is not */
};

static bool look(struct follow *follow, const char *most, struct err *err)
{
	const struct json_in last = {follow->found, "events", err};
	const char *from =
		follow->found ? json_text_ref(&last, "from") : "-infinity";
	const char *seen = follow->found ? json_text_ref(&last, "seen") : "{}";
	struct json_object *found = console_events(
		follow->call->store, follow->cluster, from, seen, most, err);

	if (!found)
		return false;
	json_free(follow->found);
	follow->found = found;
	follow->lost_ms = 0;
	print_events(follow->call, &(struct json_in){found, "events", err});
	return true;
}

static bool go_on(struct follow *follow, struct err *err)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000};

	nanosleep(&pause, NULL);
	err_clear(err);
	return look(follow, NULL, err) ||
	       patience_await(follow->call->store, &follow->lost_ms, err);
}

static int run_events(struct call *call)
{
	struct follow follow = {.call = call};
	const char *called = call->option[OPTION_CLUSTER];
	char id[UUID_SIZE];
	struct err err = {0};

	if (called && !console_find_cluster(call->store, called, id, &err))
		return fail(&err);
	follow.cluster = called ? id : NULL;
	bool ok = look(&follow, "100", &err);
	while (ok && call->option[OPTION_FOLLOW])
		ok = go_on(&follow, &err);
	json_free(follow.found);
	return ok ? DONE : fail(&err);
}

const struct command events_command = {
	.verb = "events",
	.summary = "what happened: the last 100 events",
	.details = "A line for each, the oldest first; as JSON, each is the "
		   "CloudEvent that consumers get.",
	.takes = BIT(OPTION_FOLLOW) | BIT(OPTION_CLUSTER) | BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_events,
};
