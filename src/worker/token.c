/*
 * Tokens in use: opened once for all flights of a credential, wiped when the
 * last one has landed. What is known of the rate limit stays a while longer.
 */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT_SIZE = 64, MS_TO_FILL = 3600 * 1000, RESERVED_TENTH = 10 };

static bool open_token(
	struct worker *worker, struct token *token, struct err *err)
{
	char context[CONTEXT_SIZE];

	if (token->plain.bytes)
		return true;
	snprintf(context, sizeof context, "credential:%s:token",
		token->credential_id);
	return unseal(
		worker->keyring, context, token->sealed, &token->plain, err);
}

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

	if (!token) {
		token = memory_new(sizeof *token);
		snprintf(token->credential_id, sizeof token->credential_id,
			"%s", credential_id);
		token->sealed = memory_copy_text(sealed);
		token->rate_limit = -1;
		token->next = worker->tokens;
		worker->tokens = token;
	}
	token->used_ms = worker->now_ms;
	if (!open_token(worker, token, err))
		return NULL;
	token->users++;
	return token;
}

void token_release(struct worker *worker, struct token *token)
{
	if (!token)
		return;
	token->used_ms = worker->now_ms;
	if (--token->users == 0)
		secret_clear(&token->plain);
}

void token_note_rate(
	struct worker *worker, struct token *token, const struct reply *reply)
{
	if (reply->rate_limit <= 0 || reply->rate_remaining < 0)
		return;
	token->rate_limit = reply->rate_limit;
	token->rate_remaining = reply->rate_remaining;
	token->rate_ms = worker->now_ms;
}

static bool plenty_left(const struct worker *worker, const struct token *token)
{
	if (token->rate_limit < 0)
		return true;
	int64_t refilled = (worker->now_ms - token->rate_ms) *
			   token->rate_limit / MS_TO_FILL;
	return token->rate_remaining + refilled >
	       token->rate_limit / RESERVED_TENTH;
}

/*
 * The bucket refills steadily. A tenth of it is left to the customer's own
 * controllers, which draw on the same one: below that, a worker takes only one
 * of two calls that come back, so that the reserve grows and work still goes
 * on. A job that was let through may end what it began; the next one pays.
 */
bool token_may_call(
	const struct worker *worker, struct token *token, bool *let_through)
{
	int64_t now = worker->now_ms, *spare_from = &token->spare_from_ms;

	if (plenty_left(worker, token))
		return true;
	if (!*let_through && now < *spare_from)
		return false;
	*let_through = true;
	*spare_from = (*spare_from > now ? *spare_from : now) +
		      2 * MS_TO_FILL / token->rate_limit;
	return true;
}

void token_forget_idle(struct worker *worker, int64_t idle_ms)
{
	for (struct token **at = &worker->tokens; *at;) {
		struct token *token = *at;
		if (token->users || worker->now_ms - token->used_ms < idle_ms) {
			at = &token->next;
			continue;
		}
		*at = token->next;
		secret_clear(&token->plain);
		free(token->sealed);
		free(token);
	}
}
