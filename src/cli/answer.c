/* Waiting for the answer of a worker, and printing its lists. */
#include "answer.h"

#include "table.h"
#include <byoc/clock.h>
#include <json-c/json.h>
#include <time.h>

enum { POLL_MS = 200 };

struct json_object *answer_await(struct call *call, answer_look *look,
	const char *id, const char *job, struct err *err)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000};
	int timeout_s = option_number(call, OPTION_TIMEOUT);
	int64_t deadline_ms = clock_now_ms() + 1000LL * timeout_s;

	while (clock_now_ms() < deadline_ms) {
		struct json_object *answer = look(call->store, id, job, err);
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

bool answer_print(struct json_object *answer, const char *key,
	const char *title, const struct column *columns, size_t count)
{
	struct json_object *lines = json_object_object_get(answer, key);

	if (json_object_array_length(lines) == 0)
		return false;
	puts(title);
	table_print(lines, columns, count);
	putchar('\n');
	return true;
}
