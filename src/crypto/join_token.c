/* The password that nodes join their cluster with. */
#include <byoc/cluster_keys.h>

#include <sodium.h>

enum { TOKEN_BYTES = 32 };

void join_token_make(struct secret *token)
{
	unsigned char bytes[TOKEN_BYTES];

	randombytes_buf(bytes, sizeof bytes);
	secret_init(token, 2 * sizeof bytes);
	sodium_bin2hex(token->bytes, token->size + 1, bytes, sizeof bytes);
	sodium_memzero(bytes, sizeof bytes);
}
