/* What servers join their cluster with. */
#include "join_tokens.h"

#include "authority_files.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { HASH_SIZE = crypto_hash_sha256_BYTES, HEX_SIZE = 2 * HASH_SIZE + 1 };

static void hash_hex(
	const char *prefix, const struct secret *secret, char hex[HEX_SIZE])
{
	unsigned char hash[HASH_SIZE];
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(
		&state, (const unsigned char *)prefix, strlen(prefix));
	crypto_hash_sha256_update(
		&state, (const unsigned char *)secret->bytes, secret->size);
	crypto_hash_sha256_final(&state, hash);
	sodium_bin2hex(hex, HEX_SIZE, hash, sizeof hash);
	sodium_memzero(hash, sizeof hash);
	sodium_memzero(&state, sizeof state);
}

/* The password is random enough for a plain hash to be one-way. */
static void derive_agent_token(
	const struct secret *join_token, struct secret *agent_token)
{
	secret_init(agent_token, HEX_SIZE - 1);
	hash_hex("agent-token:", join_token, agent_token->bytes);
}

static void add_full_token(struct values *values, const char *name,
	const char *authority_hash, const char *user,
	const struct secret *password)
{
	struct secret token;
	char head[HEX_SIZE + 32];

	int size =
		snprintf(head, sizeof head, "K10%s::%s:", authority_hash, user);
	secret_init(&token, (size_t)size + password->size);
	memcpy(token.bytes, head, (size_t)size);
	memcpy(token.bytes + size, password->bytes, password->size);
	values_own(values, name, &token);
}

bool add_join_tokens(struct values *values, const struct secret *bundle,
	const struct secret *join_token, struct err *err)
{
	struct secret authority, agent_token;
	char authority_hash[HEX_SIZE];

	if (!take_authority(bundle, "server-ca.crt", &authority, err))
		return false;
	hash_hex("", &authority, authority_hash);
	secret_clear(&authority);

	derive_agent_token(join_token, &agent_token);
	add_full_token(values, "full_join_token", authority_hash, "server",
		join_token);
	add_full_token(values, "full_agent_token", authority_hash, "node",
		&agent_token);
	values_secret(values, "join_token", join_token);
	values_own(values, "agent_token", &agent_token);
	return true;
}
