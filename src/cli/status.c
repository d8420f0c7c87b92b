/* One screen on how everything is: database, broker, queues, records. */
#include "commands.h"

#include "table.h"
#include <byoc/broker_queue.h>
#include <byoc/json.h>
#include <json-c/json.h>

static const char *const queues[] = {
	BROKER_JOBS,
	BROKER_SUSPECTS,
	BROKER_DEAD,
	BROKER_JOBS ".wait.250",
	BROKER_JOBS ".wait.500",
	BROKER_JOBS ".wait.1000",
	BROKER_JOBS ".wait.2000",
	BROKER_JOBS ".wait.5000",
	BROKER_JOBS ".wait.15000",
	BROKER_JOBS ".wait.60000",
};

/* {name: {messages, consumers}}; NULL with an error. */
static struct json_object *count_queues(struct call *call, struct err *err)
{
	const struct broker_options options = {
		.url = &call->settings.amqp_url,
		.ca_file = call->settings.amqp_ca_file,
		.name = "byoc status",
	};
	struct broker_console *console = broker_console_open(&options, err);
	struct json_object *counts = json_new();

	for (size_t i = 0; console && i < COUNT(queues) && !err->kind; i++) {
		struct queue_count count;
		if (!broker_console_count(console, queues[i], &count, err))
			break;
		struct json_object *row = json_new();
		json_add_i64(row, "messages", count.messages);
		json_add_i64(row, "consumers", count.consumers);
		json_add(counts, queues[i], row);
	}
	broker_console_free(console);
	if (!err->kind)
		return counts;
	json_free(counts);
	return NULL;
}

static int64_t number(struct json_object *object, const char *key)
{
	return json_object_get_int64(json_object_object_get(object, key));
}

/* "2 ready, 1 invalid" out of {"ready": 2, "invalid": 1}. */
static void print_numbers(const char *title, struct json_object *numbers)
{
	const char *before = "";

	printf("%-12s", title);
	json_object_object_foreach(numbers, word, count)
	{
		printf("%s%lld %s", before,
			(long long)json_object_get_int64(count), word);
		before = ", ";
	}
	puts(*before ? "" : "none");
}

static const char *plural(int64_t count)
{
	return count == 1 ? "" : "s";
}

/* Who has nothing to do holds none. */
static void print_leases(struct json_object *status)
{
	int64_t workers = number(status, "workers");

	if (workers == 0)
		printf("%-12snone in force\n", "leases");
	else
		printf("%-12s%lld in force, held by %lld worker%s\n", "leases",
			(long long)number(status, "leases"), (long long)workers,
			plural(workers));
}

static void print_database(struct json_object *status)
{
	struct json_object *outbox = json_object_object_get(status, "outbox");

	printf("%-12sreachable, schema version %lld\n", "database",
		(long long)number(status, "schema_version"));
	print_numbers(
		"credentials", json_object_object_get(status, "credentials"));
	print_numbers("clusters", json_object_object_get(status, "clusters"));
	print_numbers("phases", json_object_object_get(status, "phases"));
	print_leases(status);
	if (number(outbox, "rows") == 0)
		printf("%-12sempty\n", "outbox");
	else
		printf("%-12s%lld messages, the oldest waits for %lld ms\n",
			"outbox", (long long)number(outbox, "rows"),
			(long long)number(outbox, "oldest_ms"));
}

static void print_broker(struct json_object *counts)
{
	int64_t waiting = 0;

	for (size_t i = 3; i < COUNT(queues); i++)
		waiting += number(
			json_object_object_get(counts, queues[i]), "messages");
	struct json_object *jobs = json_object_object_get(counts, BROKER_JOBS);
	struct json_object *suspects =
		json_object_object_get(counts, BROKER_SUSPECTS);
	struct json_object *dead = json_object_object_get(counts, BROKER_DEAD);
	int64_t consumers = number(jobs, "consumers");
	printf("%-12sreachable, %lld consumer%s\n", "broker",
		(long long)consumers, plural(consumers));
	printf("%-12s%lld ready, %lld waiting, %lld suspects, %lld dead\n",
		"jobs", (long long)number(jobs, "messages"), (long long)waiting,
		(long long)number(suspects, "messages"),
		(long long)number(dead, "messages"));
}

static int warn_of_failing(struct json_object *database)
{
	struct json_object *failing =
		json_object_object_get(database, "failing");
	int64_t phases = number(failing, "phases");

	if (phases == 0)
		return DONE;
	remark("warning: %lld phase%s failed 5 times or more: see "
	       "`byoc cluster show %.8s`",
		(long long)phases, phases == 1 ? " has" : "s have",
		json_object_get_string(
			json_object_object_get(failing, "cluster_id")));
	return FAILED;
}

/* Of the first one: what is in its way is mostly in the others', too. */
static int warn_of_unjudged(struct json_object *database)
{
	struct json_object *first =
		json_object_object_get(database, "unjudged");

	if (!first)
		return DONE;
	remark("warning: the token of credential '%s' cannot be checked: %s",
		json_object_get_string(json_object_object_get(first, "name")),
		json_object_get_string(
			json_object_object_get(first, "reason")));
	return FAILED;
}

static int warn_of_queues(struct json_object *counts)
{
	int64_t dead =
		number(json_object_object_get(counts, BROKER_DEAD), "messages");
	int status = DONE;

	struct json_object *jobs = json_object_object_get(counts, BROKER_JOBS);

	if (number(jobs, "consumers") == 0) {
		remark("warning: no worker takes jobs: start `byoc-worker`");
		status = FAILED;
	}
	if (dead > 0) {
		remark("warning: %lld dead job%s: see `byoc dead list`",
			(long long)dead, plural(dead));
		status = FAILED;
	}
	return status;
}

/* A part that cannot be reached is shown as such; the other one still is. */
static void print_part(struct json_object *part, const char *title,
	const struct err *err, void (*print)(struct json_object *))
{
	if (part)
		print(part);
	else
		printf("%-12s%s\n", title, err->text);
}

static int run_status(struct call *call)
{
	struct err database_err = {0};
	struct err broker_err = {0};
	struct json_object *database = NULL;
	struct console *store =
		console_open(&call->settings.database_url, &database_err);

	if (store)
		database = console_status(store, &database_err);
	console_free(store);
	struct json_object *broker = count_queues(call, &broker_err);
	int status = database && broker ? DONE : FAILED;
	int warned = (database ? warn_of_failing(database) |
					     warn_of_unjudged(database)
			       : DONE) |
		     (broker ? warn_of_queues(broker) : DONE);
	if (call->option[OPTION_CHECK])
		status |= warned;
	if (call->json) {
		if (!database)
			fail(&database_err);
		if (!broker)
			fail(&broker_err);
		struct json_object *both = json_new();
		json_add(both, "database", database);
		json_add(both, "queues", broker);
		json_print(both);
		json_free(both);
		return status;
	}
	print_part(database, "database", &database_err, print_database);
	print_part(broker, "broker", &broker_err, print_broker);
	json_free(database);
	json_free(broker);
	return status;
}

const struct command status_command = {
	.verb = "status",
	.summary = "how database, broker, queues and records are",
	.details =
		"What somebody has to see to is a warning on standard error; "
		"with --check it makes\nthe exit status 1.",
	.takes = BIT(OPTION_OUTPUT) | BIT(OPTION_CHECK),
	.needs = NEED_DATABASE | NEED_BROKER,
	.run = run_status,
};
