/* Tokens in use: opened once for all flights that share one. */
#pragma once

#include "worker.h"

struct token;

/* Opens a credential's token or shares it; NULL with an error. */
struct token *token_take(struct worker *worker, const char *credential_id,
	const char *sealed, struct err *err);
/* Takes NULL. The last one to release it wipes it. */
void token_release(struct worker *worker, struct token *token);
const struct secret *token_plain(const struct token *token);
