/*
 * The system's limit on locked memory: past it, libsodium hands out memory that
 * is not locked, and says nothing.
 */
#include <byoc/secret.h>

#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CANARY_SIZE = 16 }; /* libsodium's, before each piece */

size_t secret_locked_size(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	/* One more for the zero byte behind it. */
	return (size + 1 + CANARY_SIZE + page - 1) / page * page;
}

size_t secret_lock_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return 0;
	return limit.rlim_max > SIZE_MAX ? SIZE_MAX : (size_t)limit.rlim_max;
}

static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	}
}

/* By trying, for rights count beside the limit. It takes no memory: what nobody
 * may touch is locked as well, and has no pages. */
bool secret_may_lock(size_t size)
{
	raise_limit();
	void *trial = mmap(NULL, size, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_LOCKED, -1,
		0);
	if (trial == MAP_FAILED)
		return false;
	munmap(trial, size);
	return true;
}
