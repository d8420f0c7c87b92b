/* Reading the address that something is served at. */
#include <byoc/listen.h>

#include <arpa/inet.h>
#include <stdio.h>

bool listen_read(const char *text, struct sockaddr_storage *address)
{
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	char host[64] = "";
	unsigned port;
	char rest;

	*address = (struct sockaddr_storage){0};
	if (sscanf(text, "[%63[^]]]:%u%c", host, &port, &rest) == 2 &&
		port <= UINT16_MAX &&
		inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		return true;
	}
	if (sscanf(text, "%63[^:]:%u%c", host, &port, &rest) == 2 &&
		port <= UINT16_MAX &&
		inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		return true;
	}
	return false;
}

uint16_t listen_port(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;

	return ntohs(address->ss_family == AF_INET ? four->sin_port
						   : six->sin6_port);
}

bool listen_is_loopback(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;

	return address->ss_family == AF_INET
		       ? ntohl(four->sin_addr.s_addr) >> 24 == 127
		       : IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}
