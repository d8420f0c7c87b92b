/* Reading networks: what stands behind the prefix must be zero. */
#include <byoc/network.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sets all bits behind the prefix to zero; were they so already? */
static bool clear_host(unsigned char *address, int size, int prefix)
{
	bool clear = true;

	for (int i = 0; i < size; i++) {
		int kept = prefix - 8 * i;
		int mask = kept >= 8   ? 0xff
			   : kept <= 0 ? 0
				       : 0xff << (8 - kept);
		clear = clear && !(address[i] & ~mask);
		address[i] = (unsigned char)(address[i] & mask);
	}
	return clear;
}

bool network_read(
	const char *text, char canonical[NETWORK_SIZE], char *why, size_t size)
{
	unsigned char address[sizeof(struct in6_addr)];
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);

	snprintf(why, size,
		"want a network such as 203.0.113.0/24 or 2001:db8::/32");
	if (length >= sizeof host)
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	int family = strchr(host, ':') ? AF_INET6 : AF_INET;
	int bytes = family == AF_INET6 ? 16 : 4;
	if (inet_pton(family, host, address) != 1)
		return false;
	int prefix = slash ? atoi(slash + 1) : 8 * bytes;
	if (slash &&
		(!slash[1] || strlen(slash + 1) > 3 ||
			strspn(slash + 1, "0123456789") != strlen(slash + 1)))
		return false;
	if (prefix > 8 * bytes)
		return false;
	bool clear = clear_host(address, bytes, prefix);
	inet_ntop(family, address, host, sizeof host);
	snprintf(canonical, NETWORK_SIZE, "%s/%d", host, prefix);
	if (!clear)
		snprintf(why, size,
			"there are digits behind the prefix: did you mean %s?",
			canonical);
	return clear;
}
