/* Log lines, as they arrive on standard error. */
#include <byoc/log.h>

#include <byoc/json.h>
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static char line[1024];

/* Reads what was logged from the pipe in place of standard error. */
static int begin(int *kept)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	*kept = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

static const char *logged(int from, int kept)
{
	dup2(kept, STDERR_FILENO);
	close(kept);
	ssize_t size = read(from, line, sizeof line - 1);
	close(from);
	line[size > 0 ? size : 0] = '\0';
	return line;
}

Test(log, writes_a_json_object_on_a_line)
{
	int kept, from = begin(&kept);
	struct err err = {0};

	log_setup(LOG_INFO, LOG_JSON);
	log_event(LOG_WARN, "phase.failed", log_text("phase", "a\"\nb"),
		log_text("left_out", NULL), log_i64("took_ms", 812), LOG_END);
	const char *text = logged(from, kept);
	struct json_object *object = json_parse(text, strlen(text), &err);
	cr_assert(object, "%s", text);
	json_free(object);
	cr_assert(strncmp(text, "{\"at\":\"20", 9) == 0, "%s", text);
	cr_assert(strstr(text, ",\"level\":\"warn\",\"event\":\"phase.failed\","
			       "\"phase\":\"a\\\"\\nb\",\"took_ms\":812}\n"),
		"%s", text);
}

Test(log, writes_a_failure_as_three_fields)
{
	int kept, from = begin(&kept);
	struct err err = {0};

	err_set(&err, ERR_RETRY, "timeout", "no answer");
	log_setup(LOG_INFO, LOG_JSON);
	log_event(LOG_ERROR, "x", LOG_ERR(&err), LOG_END);
	const char *text = logged(from, kept);
	cr_assert(strstr(text, "\"error\":\"retry\",\"code\":\"timeout\","
			       "\"text\":\"no answer\"}\n"),
		"%s", text);
}

Test(log, writes_plain_text_for_people_on_one_line)
{
	int kept, from = begin(&kept);

	log_setup(LOG_INFO, LOG_PLAIN);
	log_event(LOG_INFO, "worker.ready", log_text("name", "a\tb"),
		log_text("why", "two words"), log_i64("jobs", 3), LOG_END);
	const char *text = logged(from, kept);
	cr_assert(strstr(text,
			  " info  worker.ready name=\"a b\" why=\"two words\" "
			  "jobs=3\n"),
		"%s", text);
}

Test(log, is_not_deceived_by_what_a_text_holds)
{
	int kept, from = begin(&kept);

	log_setup(LOG_INFO, LOG_PLAIN);
	log_event(LOG_INFO, "x", log_text("a", "b\" level=\"error"),
		log_text("c", "d\xc2\x9b"
			      "31m\x7f\x1b\\e"),
		log_text("f", "\xff\xc3"), LOG_END);
	const char *text = logged(from, kept);
	cr_assert(strstr(text, " x a=\"b\\\" level=\\\"error\" c=\"d  31m  "
			       "\\\\e\" f=??\n"),
		"%s", text);
}

Test(log, writes_json_although_a_text_is_not_utf8)
{
	int kept, from = begin(&kept);
	struct err err = {0};

	log_setup(LOG_INFO, LOG_JSON);
	log_event(LOG_WARN, "x", log_text("message", "\xff\xfe!"), LOG_END);
	const char *text = logged(from, kept);
	struct json_object *object = json_parse(text, strlen(text), &err);
	cr_assert(object, "%s", text);
	json_free(object);
	cr_assert(strstr(text, "\"message\":\"?"
			       "?!\""),
		"%s", text);
}

Test(log, leaves_out_what_is_below_its_level)
{
	int kept, from = begin(&kept);

	log_setup(LOG_WARN, LOG_JSON);
	log_event(LOG_INFO, "quiet", LOG_END);
	cr_assert_str_empty(logged(from, kept));
}
