/* Networks in CIDR form, as firewalls and PostgreSQL's cidr take them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { NETWORK_SIZE = 64 };

/*
 * Reads "10.0.0.0/8", "2001:db8::/32" or a single address and writes it with
 * its prefix; else `why` says what is wrong.
 */
bool network_read(
	const char *text, char canonical[NETWORK_SIZE], char *why, size_t size);
