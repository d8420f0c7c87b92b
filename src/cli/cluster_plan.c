/*
 * The list before a deletion: what would go and what would stay, with prices. A
 * worker makes it, who alone opens tokens; here its answer is waited for.
 */
#include "cluster_plan.h"

#include "table.h"
#include <byoc/clock.h>
#include <byoc/json.h>
#include <json-c/json.h>
#include <time.h>

enum { POLL_MS = 200 };

static const struct column columns[] = {
	{"KIND", "kind", FORM_PLAIN},
	{"HETZNER ID", "hetzner_id", FORM_PLAIN},
	{"NAME", "name", FORM_PLAIN},
	{"A MONTH", "price_month", FORM_PLAIN},
	{"WHY", "why", FORM_PLAIN},
};

/* NULL: no worker has answered in time, or `err` says why not. */
static struct json_object *await_answer(struct call *call, const char *cluster,
	const char *job, struct err *err)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000};
	int timeout_s = option_number(call, OPTION_TIMEOUT);
	int64_t deadline_ms = clock_now_ms() + 1000LL * timeout_s;

	while (clock_now_ms() < deadline_ms) {
		struct json_object *answer = console_planned_deletion(
			call->store, cluster, job, err);
		if (answer || err->kind)
			return answer;
		nanosleep(&pause, NULL);
	}
	err_set(err, ERR_RETRY, "no_answer",
		"no worker has answered within %d seconds: is one running? "
		"(--timeout waits longer)",
		timeout_s);
	return NULL;
}

static void print_part(
	struct json_object *answer, const char *key, const char *title)
{
	struct json_object *lines = json_object_object_get(answer, key);

	if (json_object_array_length(lines) == 0)
		return;
	puts(title);
	table_print(lines, columns, COUNT(columns));
	putchar('\n');
}

static void print_plan(struct json_object *answer)
{
	struct err ignored = {0};
	const struct json_in in = {answer, "answer", &ignored};
	const char *price = json_opt_text_ref(&in, "price_month");
	const char *currency = json_opt_text_ref(&in, "currency");

	print_part(answer, "goes", "Would be deleted:");
	print_part(answer, "stays", "Would stay:");
	printf("Nothing was changed. What would be deleted costs %s %s a month "
	       "(net).\n",
		price ? price : "?", currency ? currency : "");
}

int plan_deletion(
	struct call *call, const char *cluster, const struct removal *removal)
{
	char job[UUID_SIZE];
	struct err err = {0};

	if (!console_plan_deletion(call->store, cluster, removal, job, &err))
		return fail(&err);
	struct json_object *answer = await_answer(call, cluster, job, &err);
	if (!answer)
		return fail(&err);
	const struct json_in in = {answer, "answer", &err};
	const char *reason = json_opt_text_ref(&in, "reason");
	int status = DONE;
	if (reason)
		status = fail_saying("%s", reason);
	else if (call->json)
		json_print(answer);
	else
		print_plan(answer);
	json_free(answer);
	return status;
}
