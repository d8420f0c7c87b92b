/* What a scrape reads: counters and histograms with labels. */
#include <byoc/meter.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const struct meter_kind plain = {
	.name = "byoc_messages_total", .help = "Messages sent"};
static const struct meter_kind jobs = {.name = "byoc_jobs_total",
	.help = "Jobs by what became of them",
	.labels = {"phase", "result"}};
static const struct meter_kind seconds = {.name = "byoc_job_seconds",
	.help = "Time on the belt",
	.labels = {"phase"},
	.bounds = {0.1, 0.5, 2}};

static char *text_of(const struct meter *meter)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	cr_assert(out);
	meter_write(meter, out);
	fclose(out);
	return text;
}

static void expect(const struct meter *meter, const char *wanted)
{
	char *text = text_of(meter);

	cr_expect_str_eq(text, wanted);
	free(text);
}

Test(meter, a_plain_counter_is_there_from_the_start)
{
	struct meter meter = {.kind = &plain};

	expect(&meter, "# HELP byoc_messages_total Messages sent\n"
		       "# TYPE byoc_messages_total counter\n"
		       "byoc_messages_total 0\n");
	meter_add(&meter, NULL, 3);
	meter_add(&meter, NULL, 2);
	expect(&meter, "# HELP byoc_messages_total Messages sent\n"
		       "# TYPE byoc_messages_total counter\n"
		       "byoc_messages_total 5\n");
	meter_clear(&meter);
}

Test(meter, each_combination_of_labels_counts_for_itself)
{
	struct meter meter = {.kind = &jobs};

	meter_add(&meter, (const char *[]){"net\"work", "done"}, 1);
	meter_add(&meter, (const char *[]){"net\"work", "done"}, 1);
	meter_add(&meter, (const char *[]){"net\"work", "retry"}, 1);
	char *text = text_of(&meter);
	cr_expect(strstr(text, "byoc_jobs_total{phase=\"net\\\"work\","
			       "result=\"done\"} 2\n"));
	cr_expect(strstr(text, "result=\"retry\"} 1\n"));
	free(text);
	meter_clear(&meter);
}

Test(meter, a_label_never_runs_into_the_next)
{
	struct meter meter = {.kind = &jobs};

	meter_add(&meter, (const char *[]){"ab", "c"}, 1);
	meter_add(&meter, (const char *[]){"a", "bc"}, 1);
	cr_expect_eq(meter.count, 2);
	meter_clear(&meter);
}

Test(meter, a_histogram_adds_up)
{
	struct meter meter = {.kind = &seconds};

	meter_add(&meter, (const char *[]){"ready"}, 0.1);
	meter_add(&meter, (const char *[]){"ready"}, 1);
	meter_add(&meter, (const char *[]){"ready"}, 60);
	expect(&meter,
		"# HELP byoc_job_seconds Time on the belt\n"
		"# TYPE byoc_job_seconds histogram\n"
		"byoc_job_seconds_bucket{phase=\"ready\",le=\"0.1\"} 1\n"
		"byoc_job_seconds_bucket{phase=\"ready\",le=\"0.5\"} 1\n"
		"byoc_job_seconds_bucket{phase=\"ready\",le=\"2\"} 2\n"
		"byoc_job_seconds_bucket{phase=\"ready\",le=\"+Inf\"} 3\n"
		"byoc_job_seconds_sum{phase=\"ready\"} 61.1\n"
		"byoc_job_seconds_count{phase=\"ready\"} 3\n");
	meter_clear(&meter);
}

Test(meter, many_series_keep_their_numbers)
{
	struct meter meter = {.kind = &jobs};
	char name[16];

	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 500; i++) {
			snprintf(name, sizeof name, "phase-%d", i);
			meter_add(&meter, (const char *[]){name, "done"}, i);
		}
	cr_expect_eq(meter.count, 500);
	char *text = text_of(&meter);
	cr_expect(strstr(text, "{phase=\"phase-499\",result=\"done\"} 1497\n"));
	free(text);
	meter_clear(&meter);
}
