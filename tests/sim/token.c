/* Tokens: each opens one project, to read or to read and write. */
#include "memory.h"
#include "world.h"

void token_add(struct world *world, const char *text, const char *project,
	bool read_only)
{
	struct token *token = must_calloc(1, sizeof *token);

	token_revoke(world, text);
	token->text = must_strdup(text);
	token->project = project_named(world, project);
	token->read_only = read_only;
	token->next = world->tokens;
	world->tokens = token;
}

void token_add_spec(struct world *world, const char *spec)
{
	char *text = must_strdup(spec);
	char *access = strrchr(text, ':');
	bool read_only = access && strcmp(access, ":ro") == 0;

	if (read_only)
		*access = '\0';

	char *project = strchr(text, '@');

	if (project)
		*project++ = '\0';
	token_add(world, text, project ? project : "default", read_only);
	free(text);
}

static void token_free(struct token *token)
{
	free(token->text);
	free(token);
}

bool token_revoke(struct world *world, const char *text)
{
	for (struct token **at = &world->tokens; *at; at = &(*at)->next) {
		struct token *token = *at;

		if (strcmp(token->text, text) == 0) {
			*at = token->next;
			token_free(token);
			return true;
		}
	}
	return false;
}

const struct token *token_find(const struct world *world, const char *text)
{
	const struct token *token = world->tokens;

	while (token && strcmp(token->text, text) != 0)
		token = token->next;
	return token;
}

void tokens_clear(struct world *world)
{
	while (world->tokens) {
		struct token *token = world->tokens;

		world->tokens = token->next;
		token_free(token);
	}
}
