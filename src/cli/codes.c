/* What the codes mean that events, rows and dead letters have. */
#include "commands.h"

#include "table.h"
#include <byoc/codes.h>
#include <byoc/json.h>
#include <byoc/memory.h>

static const struct column columns[] = {
	{"CODE", "code", FORM_PLAIN},
	{"MEANING", "meaning", FORM_PLAIN},
	{"WHO ACTS", "acts", FORM_PLAIN},
	{"THEN", "then", FORM_PLAIN},
};

static int run(struct call *call)
{
	struct json_object *list = json_new_array();

	for (size_t i = 0; i < code_count; i++) {
		struct json_object *row = json_new();

		json_add_text(row, "code", codes[i].code);
		json_add_text(row, "meaning", codes[i].meaning);
		json_add_text(row, "acts", codes[i].acts);
		json_add_text(row, "then", codes[i].then);
		json_append(list, row);
	}
	return print_list(call->json, list, columns, COUNT(columns), "");
}

const struct command codes_command = {
	.verb = "codes",
	.summary = "what each code means, and who can help",
	.details = "Of events, of clusters, credentials and phases, of dead "
		   "letters, and of what the database refuses. What Hetzner "
		   "says of its own accord may come as a code, too.",
	.takes = BIT(OPTION_OUTPUT),
	.run = run,
};
