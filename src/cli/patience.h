/* Patience with a database that is away, for commands that stay. */
#pragma once

#include "command.h"

/*
 * After a look that failed: is it to be tried again? Then the connection has
 * been made anew, if that was possible. False: it will not pass by itself, or
 * has not for a minute. `lost_ms` is since when the database is away; 0: it is
 * not, as the caller says after each look that went well.
 */
bool patience_await(
	struct console *console, int64_t *lost_ms, const struct err *err);
