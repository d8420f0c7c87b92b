/* The limit on locked memory, and what a person is told where it is too low. */
#include "memory_lock.h"

#include <byoc/secret.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NOBODY = 65534, MIB = 1024 * 1024 };

/* Without the right to lock as much as one likes. */
static void limit_to(size_t bytes)
{
	const struct rlimit limit = {bytes, bytes};

	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		cr_skip_test("the limit is lower already");
	if (geteuid() == 0)
		cr_assert_eq(seteuid(NOBODY), 0);
}

/* As whom the sanitizer may look for leaks. */
static void come_back(void)
{
	if (getuid() == 0)
		cr_assert_eq(seteuid(0), 0);
	prctl(PR_SET_DUMPABLE, 1);
}

TestSuite(memory_lock, .fini = come_back);

static void expect_refused(int in_flight, const char *part)
{
	struct err err = {0};

	cr_expect_not(memory_lock_suffices(in_flight, &err));
	cr_expect_eq(err.kind, ERR_BAD_INPUT);
	cr_expect_str_eq(err.code, "memory_lock");
	cr_expect(strstr(err.text, part), "%s", err.text);
	cr_expect(strstr(err.text, "`ulimit -l"), "%s", err.text);
	/* It is whole. */
	cr_expect_lt(strlen(err.text), sizeof err.text - 1);
}

Test(memory_lock, says_what_to_set)
{
	struct err err = {0};

	limit_to(8 * MIB);
	expect_refused(256, "BYOC_MAX_IN_FLIGHT=256");
	expect_refused(256, "only 8192 KiB");
	expect_refused(256, "LimitMEMLOCK=");
	expect_refused(4096, "ulimits.memlock");
	expect_refused(256, "set BYOC_MAX_IN_FLIGHT to 112 or less");
	cr_expect(memory_lock_suffices(112, &err), "%s", err.text);
	err_clear(&err);
	cr_expect_not(memory_lock_suffices(113, &err));
}

Test(memory_lock, proposes_nothing_that_is_too_much_as_well)
{
	struct err err = {0};

	limit_to(64 * 1024);
	expect_refused(1, "which the system does not allow");
	cr_expect_not(memory_lock_suffices(1, &err));
	cr_expect_not(strstr(err.text, "or less"));
}

Test(memory_lock, raises_a_limit_that_may_be_raised)
{
	struct rlimit limit;
	struct err err = {0};

	limit_to(8 * MIB);
	cr_assert_eq(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	limit.rlim_cur = 0;
	cr_assert_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	cr_expect(memory_lock_suffices(64, &err), "%s", err.text);
}

/* What the system says of this process' memory. */
static long status_kib(const char *name)
{
	const size_t length = strlen(name);
	char line[128];
	long found = -1;
	FILE *status = fopen("/proc/self/status", "r");

	cr_assert(status);
	while (found < 0 && fgets(line, sizeof line, status))
		if (strncmp(line, name, length) == 0)
			found = strtol(line + length, NULL, 10);
	fclose(status);
	return found;
}

static long locked_kib(void)
{
	return status_kib("VmLck:");
}

Test(memory_lock, is_asked_for_without_taking_memory)
{
	struct err err = {0};
	const long before = status_kib("VmHWM:");

	if (!memory_lock_suffices(1024, &err))
		cr_skip_test("the limit is too low: %s", err.text);
	cr_expect_lt(status_kib("VmHWM:") - before, 1024);
}

/* The sanitizer has a mlock() of its own. */
static void skip_where_nothing_is_locked(void)
{
	struct secret secret;

	secret_init(&secret, 4096);
	bool locks = locked_kib() > 0;
	secret_clear(&secret);
	if (!locks)
		cr_skip_test("the sanitizer locks nothing");
}

/* What is counted is what libsodium locks. */
Test(memory_lock, knows_what_a_secret_takes)
{
	static const size_t sizes[] = {4000, 4078, 4079, 4080, 6144, 40960};
	skip_where_nothing_is_locked();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct secret more;
		secret_init(&more, sizes[i]);
		cr_expect_eq(locked_kib(),
			(long)secret_locked_size(sizes[i]) / 1024, "%zu",
			sizes[i]);
		secret_clear(&more);
	}
}
