/* The forms of UUIDs (RFC 9562), trace contexts (W3C Trace Context, version 00)
 * and Hetzner's tokens. */
#include <byoc/model.h>

#include <ctype.h>
#include <string.h>
#include <uuid/uuid.h>

bool uuid_valid(const char *text)
{
	uuid_t uuid;

	return strlen(text) == UUID_SIZE - 1 && uuid_parse(text, uuid) == 0 &&
	       strspn(text, "0123456789abcdef-") == UUID_SIZE - 1;
}

void uuid_make(char text[UUID_SIZE])
{
	uuid_t uuid;

	uuid_generate_random(uuid);
	uuid_unparse_lower(uuid, text);
}

enum { TOKEN_SIZE = 64 };

bool token_well_formed(const struct secret *token)
{
	if (token->size != TOKEN_SIZE)
		return false;
	for (size_t i = 0; i < token->size; i++)
		if (!isalnum((unsigned char)token->bytes[i]))
			return false;
	return true;
}

/* "00-", 32 digits, "-", 16 digits, "-", 2 digits (W3C Trace Context). */
bool traceparent_valid(const char *text)
{
	if (strlen(text) != TRACEPARENT_SIZE - 1 || strncmp(text, "00-", 3))
		return false;
	for (size_t i = 3; i < TRACEPARENT_SIZE - 1; i++)
		if (i == 35 || i == 52 ? text[i] != '-'
				       : !strchr("0123456789abcdef", text[i]))
			return false;
	return true;
}
