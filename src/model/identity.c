/* UUIDs (RFC 9562) and trace contexts (W3C Trace Context, version 00). */
#include <byoc/model.h>

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

bool traceparent_valid(const char *text)
{
	return strlen(text) == TRACEPARENT_SIZE - 1 &&
	       strspn(text, "0123456789abcdef-") == TRACEPARENT_SIZE - 1 &&
	       strncmp(text, "00-", 3) == 0 && text[35] == '-' &&
	       text[52] == '-';
}
