/* IPv4 addresses and ranges. */
#include "address.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool address_parse(const char *text, uint32_t *address)
{
	struct in_addr raw;

	if (inet_pton(AF_INET, text, &raw) != 1)
		return false;
	*address = ntohl(raw.s_addr);
	return true;
}

const char *address_text(uint32_t address, char text[static 16])
{
	struct in_addr raw = {.s_addr = htonl(address)};

	return inet_ntop(AF_INET, &raw, text, 16);
}

bool range_parse(const char *text, struct range *range)
{
	char address[16];
	const char *slash = strchr(text, '/');
	char *end;

	if (!slash || slash - text > 15 || slash[1] < '0' || slash[1] > '9')
		return false;
	snprintf(address, sizeof address, "%.*s", (int)(slash - text), text);

	unsigned long bits = strtoul(slash + 1, &end, 10);

	if (*end || bits > 32 || !address_parse(address, &range->first))
		return false;

	uint32_t host = bits == 32 ? 0 : UINT32_MAX >> bits;

	range->bits = (unsigned)bits;
	range->last = range->first | host;
	return (range->first & host) == 0;
}

const char *range_text(const struct range *range, char text[static 20])
{
	char address[16];

	snprintf(text, 20, "%s/%u", address_text(range->first, address),
		range->bits);
	return text;
}

bool range_has(const struct range *range, uint32_t address)
{
	return address >= range->first && address <= range->last;
}

bool range_holds(const struct range *outer, const struct range *inner)
{
	return inner->first >= outer->first && inner->last <= outer->last;
}

bool range_meets(const struct range *a, const struct range *b)
{
	return a->first <= b->last && b->first <= a->last;
}

bool range_is_private(const struct range *range)
{
	static const struct range private[] = {
		{0x0a000000, 0x0affffff, 8},
		{0xac100000, 0xac1fffff, 12},
		{0xc0a80000, 0xc0a8ffff, 16},
	};

	for (size_t i = 0; i < sizeof private / sizeof *private; i++)
		if (range_holds(&private[i], range))
			return true;
	return false;
}
