/* Jobs that were dead-lettered: looking at them, another try, throwing away. */
#include "commands.h"

#include "table.h"
#include <byoc/broker_queue.h>
#include <byoc/clock.h>
#include <byoc/json.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

static struct broker_console *open_console(struct call *call, struct err *err)
{
	const struct broker_options options = {
		.url = &call->settings.amqp_url,
		.ca_file = call->settings.amqp_ca_file,
		.name = "byoc dead",
	};

	return broker_console_open(&options, err);
}

/* What a message is called: its message id, else its place in the queue, in a
 * form that is no comment to a shell. */
static void name_letter(
	const struct letter *letter, uint32_t place, char *id, size_t size)
{
	if (letter->delivery.message_id)
		snprintf(id, size, "%s", letter->delivery.message_id);
	else
		snprintf(id, size, "no-%u", place);
}

/* Nothing that a message brings along can be trusted to be UTF-8. */
static void add_readable(
	struct json_object *row, const char *key, const char *text, bool lines)
{
	char *shown = text ? readable(text, strlen(text), lines) : NULL;

	json_add_text(row, key, shown);
	free(shown);
}

static struct json_object *describe(
	const struct letter *letter, uint32_t place, bool body)
{
	struct json_object *row = json_new();
	char text[256];

	name_letter(letter, place, text, sizeof text);
	add_readable(row, "id", text, false);
	add_readable(row, "code", letter->reason_code, false);
	add_readable(row, "reason", letter->reason, false);
	json_add_i64(row, "size", (int64_t)letter->delivery.size);
	if (letter->sent_unix) {
		clock_rfc3339(letter->sent_unix * 1000, text, sizeof text);
		json_add_text(row, "sent_at", text);
	}
	if (body)
		add_readable(row, "body", letter->delivery.body, true);
	return row;
}

/* Is this message one of those that were called? Marks it as found. */
static bool is_called(const struct call *call, bool *found, const char *id)
{
	for (int i = 0; i < call->argument_count; i++) {
		if (strcmp(call->arguments[i], id) != 0)
			continue;
		found[i] = true;
		return true;
	}
	return false;
}

typedef bool letter_action(struct broker_console *console,
	const struct letter *letter, struct err *err);

/*
 * Walks through the queue. Messages that were called (all, when none was) are
 * described into `rows` and handed to `act`, if there is one.
 */
static bool walk(struct call *call, letter_action *act, bool *found,
	struct json_object *rows, struct err *err)
{
	struct broker_console *console = open_console(call, err);
	struct queue_count count = {0};
	bool ok = console &&
		  broker_console_count(console, BROKER_DEAD, &count, err);

	for (uint32_t place = 1; ok && place <= count.messages; place++) {
		struct letter *letter = NULL;
		char id[256];

		ok = broker_console_look(console, BROKER_DEAD, &letter, err);
		if (!letter)
			break;
		name_letter(letter, place, id, sizeof id);
		if (!call->argument_count || is_called(call, found, id)) {
			ok = !act || act(console, letter, err);
			if (ok)
				json_append(
					rows, describe(letter, place,
						      call->argument_count));
		}
		letter_free(letter);
	}
	broker_console_free(console);
	return ok;
}

static int complain_of_missing(const struct call *call, const bool *found)
{
	int status = DONE;

	for (int i = 0; i < call->argument_count; i++)
		if (!found[i])
			status = fail_saying(
				"there is no dead job %s", call->arguments[i]);
	return status;
}

static int run_list(struct call *call)
{
	static const struct column columns[] = {
		{"ID", "id", FORM_PLAIN},
		{"SENT", "sent_at", FORM_MOMENT},
		{"CODE", "code", FORM_PLAIN},
		{"REASON", "reason", FORM_PLAIN},
	};
	struct json_object *rows = json_new_array();
	struct err err = {0};

	if (walk(call, NULL, NULL, rows, &err))
		return print_list(call->json, rows, columns, COUNT(columns),
			"There are no dead jobs.");
	json_free(rows);
	return fail(&err);
}

const struct command dead_list_command = {
	.noun = "dead",
	.verb = "list",
	.summary = "jobs that were dead-lettered, and why",
	.takes = BIT(OPTION_OUTPUT),
	.needs = NEED_BROKER,
	.run = run_list,
};

static int run_show(struct call *call)
{
	static const struct column columns[] = {
		{"ID", "id", FORM_PLAIN},
		{"Sent", "sent_at", FORM_MOMENT},
		{"Code", "code", FORM_PLAIN},
		{"Reason", "reason", FORM_PLAIN},
		{"Bytes", "size", FORM_PLAIN},
		{"Body", "body", FORM_PLAIN},
	};
	struct json_object *rows = json_new_array();
	struct err err = {0};
	bool found = false;
	int status = DONE;

	if (!walk(call, NULL, &found, rows, &err)) {
		status = fail(&err);
	} else if (!found) {
		status = complain_of_missing(call, &found);
	} else {
		struct json_object *row = json_object_array_get_idx(rows, 0);
		if (call->json)
			json_print(row);
		else
			fields_print(row, columns, COUNT(columns));
	}
	json_free(rows);
	return status;
}

const struct command dead_show_command = {
	.noun = "dead",
	.verb = "show",
	.arguments = "ID",
	.summary = "one dead job with its body",
	.takes = BIT(OPTION_OUTPUT),
	.needs = NEED_BROKER,
	.run = run_show,
};

static int act_on_called(
	struct call *call, letter_action *act, const char *done)
{
	bool all = call->option[OPTION_ALL];
	size_t called = (size_t)call->argument_count;
	struct err err = {0};

	if (all && called)
		return usage(call->command, "want --all or IDs, not both");
	struct json_object *rows = json_new_array();
	bool *found = memory_new((called + 1) * sizeof *found);
	bool ok = walk(call, act, found, rows, &err);
	size_t acted = json_object_array_length(rows);
	if (ok || acted)
		printf("%s %zu of %zu\n", done, acted, all ? acted : called);
	int status = ok ? complain_of_missing(call, found) : fail(&err);
	free(found);
	json_free(rows);
	return status;
}

static int run_requeue(struct call *call)
{
	return act_on_called(call, broker_console_requeue, "requeued");
}

const struct command dead_requeue_command = {
	.noun = "dead",
	.verb = "requeue",
	.arguments = "ID...",
	.summary = "give dead jobs to the workers once more",
	.takes = BIT(OPTION_ALL),
	.needs = NEED_BROKER,
	.run = run_requeue,
};

static int run_drop(struct call *call)
{
	return act_on_called(call, broker_console_drop, "dropped");
}

const struct command dead_drop_command = {
	.noun = "dead",
	.verb = "drop",
	.arguments = "ID...",
	.summary = "throw dead jobs away",
	.takes = BIT(OPTION_ALL),
	.needs = NEED_BROKER,
	.run = run_drop,
};
