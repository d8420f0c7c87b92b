/* The table of commands, in the order in which help shows them. */
#include "commands.h"

#include <byoc/guess.h>
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

const char *command_guess(const char *noun, const char *word)
{
	struct guess guess = guess_begin(word, GUESS_MOST);

	for (size_t i = 0; commands[i]; i++)
		if (same(commands[i]->noun, noun))
			guess_consider(&guess, commands[i]->verb);
	for (size_t i = 0; !noun && nouns[i].name; i++)
		guess_consider(&guess, nouns[i].name);
	return guess.best;
}

const struct command *command_of_verb(const char *verb)
{
	const struct command *found = command_find("cluster", verb);

	for (size_t i = 0; !found && commands[i]; i++)
		if (commands[i]->noun && strcmp(commands[i]->verb, verb) == 0)
			found = commands[i];
	return found;
}
