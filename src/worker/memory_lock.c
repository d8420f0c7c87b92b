/*
 * How much memory a worker locks at most. Each flight may have a token, a join
 * token and a header with one, its cluster's authorities, and either what a
 * server is made with or, once that is sent, the request's body.
 */
#include "memory_lock.h"

#include <byoc/bootstrap.h>
#include <byoc/secret.h>

enum {
	KIB = 1024,
	/* A piece that small secrets share, keys, URLs, and what one flight
	 * at a time has while its user_data are put together. */
	OWN_SIZE = 1024 * KIB,
	SMALL_SECRETS = 3,
	AUTHORITIES_SIZE = 6 * KIB,
	BODY_SIZE = USER_DATA_MAX + 8 * KIB, /* escaped, with the rest */
};

static size_t size_of_flight(void)
{
	return SMALL_SECRETS * secret_locked_size(0) +
	       secret_locked_size(AUTHORITIES_SIZE) +
	       secret_locked_size(BODY_SIZE);
}

bool memory_lock_suffices(int in_flight, struct err *err)
{
	const size_t need = OWN_SIZE + (size_t)in_flight * size_of_flight();
	const size_t limit = secret_lock_limit();
	size_t fit =
		limit > OWN_SIZE ? (limit - OWN_SIZE) / size_of_flight() : 0;

	if (secret_may_lock(need))
		return true;
	if (fit < (size_t)in_flight && fit > 0)
		return err_set(err, ERR_BAD_INPUT, "memory_lock",
			"secrets are in locked memory: %zu KiB with "
			"BYOC_MAX_IN_FLIGHT=%d, but only %zu KiB may be locked. "
			"Raise that (`ulimit -l %zu`, LimitMEMLOCK=%zuK of a "
			"service, ulimits.memlock of a container), or set "
			"BYOC_MAX_IN_FLIGHT to %zu or less",
			need / KIB, in_flight, limit / KIB, need / KIB,
			need / KIB, fit);
	return err_set(err, ERR_BAD_INPUT, "memory_lock",
		"secrets are in locked memory: %zu KiB with "
		"BYOC_MAX_IN_FLIGHT=%d, which the system does not allow. Raise "
		"the limit (`ulimit -l %zu`, LimitMEMLOCK=%zuK of a service, "
		"ulimits.memlock of a container)",
		need / KIB, in_flight, need / KIB, need / KIB);
}
