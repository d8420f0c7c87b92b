/* Clocks: a monotonic one for deadlines, and the calendar for people. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int64_t clock_now_ms(void);  /* monotonic */
int64_t clock_unix_ms(void); /* since 1970 */

/* RFC 3339 in UTC with milliseconds; `out` needs 25 bytes. */
void clock_rfc3339(int64_t unix_ms, char *out, size_t size);
