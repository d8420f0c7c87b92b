/* A failure that may pass is no end. */
#include "patience.h"

#include <byoc/clock.h>

enum { PATIENCE_MS = 60000 };

bool patience_await(
	struct console *console, int64_t *lost_ms, const struct err *err)
{
	struct err again = {0};
	int64_t now_ms = clock_now_ms();

	if (err->kind != ERR_RETRY)
		return false;
	if (!*lost_ms) {
		*lost_ms = now_ms;
		remark("%s; trying again for %d s", err->text,
			PATIENCE_MS / 1000);
	}
	if (now_ms - *lost_ms > PATIENCE_MS)
		return false;
	console_reconnect(console, &again);
	return true;
}
