/* Tokens in use. To open one costs as much as a fifth of a job. */
#include "token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_MS = 1000 };

struct token {
	struct token *next;
	char credential_id[UUID_SIZE];
	char *sealed;
	struct secret plain;
	size_t users;
	int64_t released_ms; /* by the last of them */
};

/* Of the same credential too: a token moved to another row must not open. */
static struct token *find(
	struct worker *worker, const char *credential_id, const char *sealed)
{
	for (struct token *token = worker->tokens; token; token = token->next)
		if (strcmp(token->credential_id, credential_id) == 0 &&
			strcmp(token->sealed, sealed) == 0)
			return token;
	return NULL;
}

struct token *token_take(struct worker *worker, const char *credential_id,
	const char *sealed, struct err *err)
{
	struct token *token = find(worker, credential_id, sealed);
	struct secret plain = {0};
	char context[SEAL_CONTEXT_SIZE];

	if (token) {
		token->users++;
		return token;
	}
	seal_context(context, "credential", credential_id, "token");
	if (!unseal(worker->keyring, context, sealed, &plain, err))
		return NULL;
	token = memory_new(sizeof *token);
	snprintf(token->credential_id, sizeof token->credential_id, "%s",
		credential_id);
	token->sealed = memory_copy_text(sealed);
	token->plain = plain;
	token->users = 1;
	token->next = worker->tokens;
	worker->tokens = token;
	return token;
}

void token_release(struct worker *worker, struct token *token)
{
	if (token && --token->users == 0)
		token->released_ms = worker->now_ms;
}

static void wipe_released(struct worker *worker, int64_t until_ms)
{
	for (struct token **at = &worker->tokens; *at;) {
		struct token *token = *at;
		if (token->users || token->released_ms > until_ms) {
			at = &token->next;
			continue;
		}
		*at = token->next;
		secret_clear(&token->plain);
		free(token->sealed);
		free(token);
	}
}

void tokens_wipe_idle(struct worker *worker)
{
	wipe_released(worker, worker->now_ms - KEPT_MS);
}

void tokens_wipe(struct worker *worker)
{
	wipe_released(worker, INT64_MAX);
}

const struct secret *token_plain(const struct token *token)
{
	return &token->plain;
}
