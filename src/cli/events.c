/*
 * Events: what happened to clusters and credentials, a line each. History comes
 * from the database; what follows it as it is published or, while the broker is
 * away, from the database, too.
 */
#include "commands.h"

#include "feed.h"
#include "patience.h"
#include "table.h"
#include "wording.h"
#include <byoc/json.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

/* The broker wants to hear from us every few seconds. */
enum { WAIT_MS = 1000 };

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
		code || reason ? "  " : "", code ? code : "", code ? ": " : "",
		safe);
	free(safe);
}

/*
 * Of each subject the number of the last event that was told: what comes twice,
 * or by both ways, is told once, and what lacks in between is looked up.
 */
struct follow {
	struct call *call;
	const char *cluster;       /* NULL: all */
	struct json_object *heads; /* NULL: nobody follows */
	int64_t lost_ms; /* since when the database is away; 0: it is not */
	bool behind; /* something may be in the database that was not told */
	struct feed feed;
};

static int64_t head_of(const struct follow *follow, const char *subject)
{
	struct err ignored = {0};
	const struct json_in heads = {follow->heads, "heads", &ignored};
	int64_t head = 0;

	json_opt_i64(&heads, subject, &head);
	return head;
}

static void tell(struct follow *follow, const struct json_in *event)
{
	const char *subject = json_text_ref(event, "subject");
	const char *sequence = json_text_ref(event, "sequence");

	if (follow->call->json)
		json_print(event->at);
	else
		print_event(event);
	if (follow->heads && subject && sequence)
		json_add_i64(
			follow->heads, subject, strtoll(sequence, NULL, 10));
}

/* Is it behind what was told already? */
static bool is_news(const struct follow *follow, const struct json_in *event)
{
	const char *subject = json_text_ref(event, "subject");
	const char *sequence = json_text_ref(event, "sequence");

	return subject && sequence &&
	       strtoll(sequence, NULL, 10) > head_of(follow, subject);
}

static bool look_first(struct follow *follow, struct err *err)
{
	bool stays = follow->call->option[OPTION_FOLLOW];
	struct json_object *found = console_last_events(
		follow->call->store, follow->cluster, "100", stays, err);
	const struct json_in last = {found, "events", err};
	struct json_in event, heads;

	for (size_t i = 0; i < json_count(&last, "events"); i++)
		if (json_element(&last, "events", i, &event))
			tell(follow, &event);
	if (found && stays && json_into(&last, "heads", &heads))
		follow->heads = json_object_get(heads.at);
	json_free(found);
	return !err->kind;
}

/* At most a page of what is behind what was told; `more`: there is more. */
static bool look_once(
	struct follow *follow, const char *subject, bool *more, struct err *err)
{
	struct json_object *one = json_new();

	if (subject)
		json_add_i64(one, subject, head_of(follow, subject));
	struct json_object *found = console_events_behind(follow->call->store,
		subject ? subject : follow->cluster,
		json_write(subject ? one : follow->heads), err);
	const struct json_in news = {found, "events", err};
	struct json_in event;
	for (size_t i = 0; i < json_count(&news, "events"); i++)
		if (json_element(&news, "events", i, &event) &&
			is_news(follow, &event))
			tell(follow, &event);
	*more = false;
	if (found)
		json_flag(&news, "more", more);
	json_free(found);
	json_free(one);
	return !err->kind;
}

/* Of one subject, or (NULL) of all that are wanted. */
static bool look(struct follow *follow, const char *subject, struct err *err)
{
	bool more = true;

	while (more)
		if (!look_once(follow, subject, &more, err))
			return false;
	follow->lost_ms = 0;
	return true;
}

/* Workers publish side by side: a later event may come before an earlier one,
 * which is in the database by then. */
static bool take_event(struct follow *follow, const struct json_in *event)
{
	const char *subject = json_text_ref(event, "subject");
	const char *sequence = json_text_ref(event, "sequence");

	if (!is_news(follow, event))
		return true;
	if (strtoll(sequence, NULL, 10) > head_of(follow, subject) + 1 &&
		!look(follow, subject, event->err))
		return false;
	if (is_news(follow, event))
		tell(follow, event);
	return true;
}

/* What is none of our events tells nothing. */
static bool take_letter(
	struct follow *follow, const struct letter *letter, struct err *err)
{
	struct err ignored = {0};
	struct json_object *body = json_parse(
		letter->delivery.body, letter->delivery.size, &ignored);
	bool ok = !body ||
		  take_event(follow, &(struct json_in){body, "event", err}) ||
		  err->kind != ERR_RETRY;

	json_free(body);
	return ok;
}

static bool go_on(struct follow *follow, struct err *err)
{
	struct letter *letter = NULL;
	bool ok = true;

	err_clear(err);
	fflush(stdout);
	switch (feed_wait(&follow->feed, WAIT_MS, &letter)) {
	case FEED_EVENT:
		ok = take_letter(follow, letter, err);
		break;
	case FEED_LOOK:
		follow->behind = true;
		break;
	case FEED_SILENT:
		break;
	}
	letter_free(letter);
	if (ok && follow->behind)
		ok = look(follow, NULL, err);
	follow->behind = !ok;
	return ok || patience_await(follow->call->store, &follow->lost_ms, err);
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
	if (call->option[OPTION_FOLLOW])
		feed_open(&follow.feed, call, follow.cluster);
	bool ok = look_first(&follow, &err);
	while (ok && call->option[OPTION_FOLLOW])
		ok = go_on(&follow, &err);
	feed_close(&follow.feed);
	json_free(follow.heads);
	return ok ? DONE : fail(&err);
}

const struct command events_command = {
	.verb = "events",
	.summary = "what happened: the last 100 events",
	.details = "A line for each, the oldest first; as JSON, each is the "
		   "CloudEvent that consumers get.\n"
		   "With BYOC_AMQP_URL, --follow tells them as they are "
		   "published; without, or while the\nbroker is away, it "
		   "looks into the database twice a second.",
	.takes = BIT(OPTION_FOLLOW) | BIT(OPTION_CLUSTER) | BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE,
	.store = true,
	.run = run_events,
};
