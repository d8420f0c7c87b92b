/* What a resource may be called: a server as a host, others more freely. */
#include "name.h"

#include <ctype.h>
#include <string.h>

static bool alphanumeric(char c)
{
	return isalnum((unsigned char)c) != 0;
}

/* Begins and ends alphanumeric, with `inner` also allowed between. */
static bool well_formed(const char *text, size_t length, const char *inner)
{
	if (length == 0 || !alphanumeric(text[0]) ||
		!alphanumeric(text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!alphanumeric(text[i]) && !strchr(inner, text[i]))
			return false;
	return true;
}

/* RFC 1123: labels of up to 63 characters between dots. */
static bool is_hostname(const char *name)
{
	if (strlen(name) > 253)
		return false;
	for (;;) {
		size_t length = strcspn(name, ".");

		if (length > 63 || !well_formed(name, length, "-"))
			return false;
		if (!name[length])
			return true;
		name += length + 1;
	}
}

bool name_is_valid(enum kind kind, const char *name)
{
	size_t length = strlen(name);

	if (kind == KIND_SERVER)
		return is_hostname(name);
	if (kind == KIND_VOLUME)
		return length <= 64 && well_formed(name, length, "-_.");
	return length > 0 && length <= 255;
}
