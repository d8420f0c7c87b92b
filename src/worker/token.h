/*
 * Tokens in use: opened once for all flights that share one, and for the next
 * ones of the cluster, which mostly come within the second.
 */
#pragma once

#include "worker.h"

struct token;

/* Opens a credential's token or shares it; NULL with an error. */
struct token *token_take(struct worker *worker, const char *credential_id,
	const char *sealed, struct err *err);
void token_release(struct worker *worker, struct token *token); /* or NULL */
/* Those that no flight has used for a second. */
void tokens_wipe_idle(struct worker *worker);
/* All; no flight has one any more. */
void tokens_wipe(struct worker *worker);
const struct secret *token_plain(const struct token *token);
