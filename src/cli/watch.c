/*
 * Watching: what is shown comes from the database, which has all in its order,
 * so that nothing is missed however late the watching begins or whatever is
 * restarted meanwhile. When to look there, events tell. The end is told by the
 * record, not by an event.
 */
#include "watch.h"

#include "feed.h"
#include "patience.h"
#include "screen.h"
#include "table.h"
#include "watch_lines.h"
#include "watch_tree.h"
#include <byoc/clock.h>
#include <byoc/json.h>
#include <poll.h>
#include <string.h>

enum {
	TICK_MS = 1000,  /* how often the times in the tree go on */
	ASKED_MS = 5000, /* no event tells that a wish came to nothing */
	LOST_MS = 500,
	NEWS_MOST = 200, /* events of one look */
};

struct watch {
	struct call *call;
	const char *id;
	char name[NAME_SIZE];
	int64_t after;   /* number of the last event shown */
	int64_t lost_ms; /* since when the database is away; 0: it is not */
	bool told_waiting;
	struct feed feed;
	struct lines lines;
	/* On a terminal: */
	bool tree;
	struct screen screen;
	struct json_object *found; /* by the last look */
	int64_t found_ms;
	bool asked;       /* is there a wish that no worker has taken yet? */
	int run;          /* the one that `usual_ms` is of */
	int64_t usual_ms; /* -1: nobody knows */
};

static void make_room(void *context)
{
	struct watch *watch = context;

	screen_clear(&watch->screen);
}

/* ---- The tree ---- */

/* A run that is not there is no reason not to show this one. */
static void find_usual(struct watch *watch, const struct json_in *news)
{
	struct err ignored = {0};
	int run = 0;

	json_int(news, "run", &run);
	if (run == watch->run)
		return;
	watch->run = run;
	watch->usual_ms = -1;
	(void)console_usual_run(
		watch->call->store, watch->id, &watch->usual_ms, &ignored);
}

static void draw(struct watch *watch)
{
	struct err ignored = {0};
	const struct json_in news = {watch->found, "watch", &ignored};
	struct tree_form form = {
		.colours = screen_colours(),
		.ascii = screen_ascii(),
	};

	if (!watch->tree || !watch->found)
		return;
	screen_size(&form.columns, &form.rows);
	form.rows--; /* the cursor's */
	screen_show(&watch->screen,
		watch_tree(&news, clock_now_ms() - watch->found_ms,
			watch->usual_ms, &form));
}

/* ---- Looking ---- */

/* A deletion without a good token goes on when there is one. */
static void tell_waiting(struct watch *watch, const struct json_in *news)
{
	const char *reason = json_opt_text_ref(news, "reason");
	const char *status = json_text_ref(news, "status");
	bool waits = reason && status && strcmp(status, "deleting") == 0;

	if (waits && !watch->told_waiting) {
		screen_clear(&watch->screen);
		remark("cluster %s waits: %s", watch->name, reason);
	}
	watch->told_waiting = waits;
}

static int tell_end(const struct watch *watch, const struct json_in *news)
{
	const char *status = json_text_ref(news, "status");
	const char *endpoint = json_opt_text_ref(news, "endpoint");
	const char *code = json_opt_text_ref(news, "code");
	const char *reason = json_opt_text_ref(news, "reason");

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

static void show(struct watch *watch, const struct json_in *news)
{
	json_text(news, "name", watch->name, sizeof watch->name);
	tell_waiting(watch, news);
	if (!watch->tree) {
		lines_print(&watch->lines, news);
		return;
	}
	find_usual(watch, news);
	draw(watch);
}

/* Takes over what was found; gives how many events there were. */
static size_t keep(struct watch *watch, struct json_object *found)
{
	struct err ignored = {0};
	const struct json_in news = {found, "watch", &ignored};
	struct json_in moment;
	size_t count = json_count(&news, "moments");

	json_free(watch->found);
	watch->found = found;
	watch->found_ms = clock_now_ms();
	watch->lost_ms = 0;
	if (count > 0 && json_element(&news, "moments", count - 1, &moment))
		json_i64(&moment, "sequence", &watch->after);
	return count;
}

/* Looks until all that there is has been shown; is it over? */
static bool look(struct watch *watch, struct err *err)
{
	bool settled = false;
	size_t count = NEWS_MOST;

	while (count == NEWS_MOST && !settled) {
		struct json_object *found = console_watch(
			watch->call->store, watch->id, watch->after, err);
		const struct json_in news = {found, "watch", err};

		if (!found)
			return false;
		count = keep(watch, found);
		json_flag(&news, "asked", &watch->asked);
		json_flag(&news, "settled", &settled);
		show(watch, &news);
	}
	return settled && !err->kind;
}

/* Until there is a reason to look: news, or that none may come. */
static void await_news(struct watch *watch)
{
	int64_t until_ms = watch->asked ? clock_now_ms() + ASKED_MS : INT64_MAX;
	enum feed_news news = FEED_SILENT;

	while (news == FEED_SILENT && clock_now_ms() < until_ms) {
		struct letter *letter;

		news = feed_wait(&watch->feed, TICK_MS, &letter);
		letter_free(letter);
		if (news == FEED_SILENT)
			draw(watch);
	}
	/* One look is enough for all that came together. */
	while (news == FEED_EVENT) {
		struct letter *letter;

		news = feed_wait(&watch->feed, 0, &letter);
		letter_free(letter);
	}
}

static bool await_database(struct watch *watch, const struct err *err)
{
	if (!watch->lost_ms)
		screen_clear(&watch->screen);
	(void)poll(NULL, 0, LOST_MS);
	return patience_await(watch->call->store, &watch->lost_ms, err);
}

static int follow(struct watch *watch)
{
	struct err err = {0};

	while (!look(watch, &err)) {
		if (!err.kind) {
			await_news(watch);
		} else if (await_database(watch, &err)) {
			err_clear(&err);
		} else {
			screen_clear(&watch->screen);
			return fail(&err);
		}
	}
	screen_leave(&watch->screen);
	return tell_end(watch, &(struct json_in){watch->found, "watch", &err});
}

int watch_cluster(struct call *call, const char *id, int64_t after)
{
	struct watch watch = {
		.call = call,
		.id = id,
		.after = after,
		.feed = {.before_remark = make_room},
		.lines = {.json = call->json},
		.tree = !call->json && screen_there(),
		.usual_ms = -1,
	};

	watch.feed.context = &watch;
	feed_open(&watch.feed, call, id);
	int status = follow(&watch);
	feed_close(&watch.feed);
	json_free(watch.found);
	return status;
}
