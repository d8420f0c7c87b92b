/* IPv4 addresses and ranges, in host byte order. */
#ifndef SIM_ADDRESS_H
#define SIM_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Gateway of the public interfaces; no private network may use it. */
#define PUBLIC_GATEWAY 0xac1f0101u /* 172.31.1.1 */

struct range {
	uint32_t first, last;
	unsigned bits;
};

bool address_parse(const char *text, uint32_t *address);
const char *address_text(uint32_t address, char text[static 16]);

/* CIDR notation; false when malformed or when host bits are set. */
bool range_parse(const char *text, struct range *range);
const char *range_text(const struct range *range, char text[static 20]);
bool range_has(const struct range *range, uint32_t address);
bool range_holds(const struct range *outer, const struct range *inner);
bool range_meets(const struct range *a, const struct range *b);
/* Within one of RFC 1918's. */
bool range_is_private(const struct range *range);

#endif
