/* The table of commands, in the order in which help shows them. */
#include "commands.h"

#include <byoc/memory.h>
#include <string.h>

const struct noun nouns[] = {
	{"credential", "Hetzner API tokens, stored sealed"},
	{"cluster", "Kubernetes clusters"},
	{"kubeconfig", "for who gets kubeconfigs: keys, and opening one"},
	{"dead", "jobs that no worker could understand or finish"},
	{0},
};

const struct command *const commands[] = {
	&keygen_command,
	&migrate_command,
	&topology_command,
	&status_command,
	&codes_command,
	&completion_command,
	&manual_command,
	&dashboard_command,
	&credential_add_command,
	&credential_validate_command,
	&credential_rotate_command,
	&credential_show_command,
	&credential_list_command,
	&credential_delete_command,
	&credential_reseal_command,
	&credential_limits_command,
	&credential_recipient_command,
	&audit_command,
	&events_command,
	&cluster_create_command,
	&cluster_list_command,
	&cluster_show_command,
	&cluster_watch_command,
	&cluster_timeline_command,
	&cluster_cost_command,
	&cluster_delete_command,
	&cluster_retry_command,
	&cluster_repair_command,
	&cluster_protect_command,
	&cluster_unprotect_command,
	&cluster_kubeconfig_command,
	&cluster_ssh_key_command,
	&kubeconfig_keygen_command,
	&kubeconfig_open_command,
	&dead_list_command,
	&dead_show_command,
	&dead_requeue_command,
	&dead_drop_command,
	NULL,
};

const struct noun *noun_find(const char *name)
{
	for (const struct noun *noun = nouns; noun->name; noun++)
		if (strcmp(noun->name, name) == 0)
			return noun;
	return NULL;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

const struct command *command_find(const char *noun, const char *verb)
{
	for (size_t i = 0; commands[i]; i++)
		if (same(commands[i]->noun, noun) &&
			strcmp(commands[i]->verb, verb) == 0)
			return commands[i];
	return NULL;
}

const char *command_name(
	const char *noun, const char *verb, char name[COMMAND_NAME_SIZE])
{
	snprintf(name, COMMAND_NAME_SIZE, "%s%s%s", noun ? noun : "",
		noun ? " " : "", verb);
	return name;
}

enum { WORD_MAX = 16 };

static int least(int a, int b, int c)
{
	int smaller = a < b ? a : b;

	return smaller < c ? smaller : c;
}

/* Levenshtein's distance of two words of at most WORD_MAX letters. */
static int distance(const char *a, const char *b)
{
	int row[WORD_MAX + 1];
	int width = (int)strlen(b);

	for (int j = 0; j <= width; j++)
		row[j] = j;
	for (int i = 1; a[i - 1]; i++) {
		int corner = row[0];
		row[0] = i;
		for (int j = 1; j <= width; j++) {
			int above = row[j];
			row[j] = least(above + 1, row[j - 1] + 1,
				corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[width];
}

static void consider(const char *word, const char *candidate, const char **best,
	int *best_distance)
{
	int found = distance(word, candidate);

	if (found < *best_distance) {
		*best_distance = found;
		*best = candidate;
	}
}

const char *command_guess(const char *noun, const char *word)
{
	const char *best = NULL;
	int best_distance = 4;

	if (strlen(word) > WORD_MAX)
		return NULL;
	for (size_t i = 0; commands[i]; i++)
		if (same(commands[i]->noun, noun))
			consider(
				word, commands[i]->verb, &best, &best_distance);
	for (size_t i = 0; !noun && nouns[i].name; i++)
		consider(word, nouns[i].name, &best, &best_distance);
	return best;
}
