/* Keys that somebody else could have put there are not sealed to. */
#include "key_folder.h"

#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOMEBODY = 65534 };

TestSuite(key_safety, .init = key_folder_make, .fini = key_folder_remove);

static void expect_refused(const char *code, const char *cure, const char *path)
{
	char command[1200];

	snprintf(command, sizeof command, "`%s %s`", cure, path);
	expect_not_loaded(true, code, command);
	expect_not_loaded(false, code, path);
}

Test(key_safety, refuses_a_folder_that_others_can_write_to)
{
	static const mode_t modes[] = {0770, 0707, 0777, 01777, 0720};

	for (size_t i = 0; i < COUNT(modes); i++) {
		cr_assert_eq(chmod(dir, modes[i]), 0);
		expect_refused("key_dir_unsafe", "chmod go-w", dir);
	}
	char id[SEAL_KEY_ID_SIZE];
	struct err err = {0};
	cr_expect_not(keyring_make_key(dir, id, &err));
	cr_expect_str_eq(err.code, "key_dir_unsafe");

	cr_assert_eq(chmod(dir, 0755), 0);
	keyring_free(load());
}

Test(key_safety, refuses_a_public_key_that_others_can_write_to)
{
	static const mode_t modes[] = {0664, 0646, 0666};
	char *path = memory_copy_text(path_of(first_key, ".pub"));

	for (size_t i = 0; i < COUNT(modes); i++) {
		cr_assert_eq(chmod(path, modes[i]), 0);
		expect_refused("key_file_unsafe", "chmod go-w", path);
	}
	cr_assert_eq(chmod(path, 0444), 0);
	keyring_free(load());
	free(path);
}

static void require_root(void)
{
	if (geteuid() != 0)
		cr_skip_test("only root can give files away");
}

Test(key_safety, refuses_what_belongs_to_somebody_else)
{
	static const char *const suffixes[] = {".pub", ".key"};

	require_root();
	for (size_t i = 0; i < COUNT(suffixes); i++) {
		char *path = memory_copy_text(path_of(first_key, suffixes[i]));
		cr_assert_eq(chown(path, SOMEBODY, 0), 0);
		expect_refused("key_file_unsafe", "chown 0", path);
		cr_assert_eq(chown(path, 0, 0), 0);
		free(path);
	}
	cr_assert_eq(chown(dir, SOMEBODY, 0), 0);
	expect_refused("key_dir_unsafe", "chown 0", dir);
	cr_assert_eq(chown(dir, 0, 0), 0);
	keyring_free(load());
}

/* As services are given secrets: root's, and the group may read them. */
Test(key_safety, takes_roots_files_from_who_is_not_root)
{
	char *path = memory_copy_text(path_of(first_key, ".key"));
	struct err err = {0};

	require_root();
	cr_assert_eq(chmod(dir, 0755), 0);
	cr_assert_eq(chown(path, 0, SOMEBODY), 0);
	cr_assert_eq(chmod(path, 0640), 0);
	cr_assert_eq(setegid(SOMEBODY), 0);
	cr_assert_eq(seteuid(SOMEBODY), 0);
	struct keyring *keyring = keyring_load(dir, true, &err);
	cr_expect(keyring, "%s", err.text);
	keyring_free(keyring);
	cr_assert_eq(seteuid(0), 0);

	cr_assert_eq(chmod(path, 0644), 0);
	cr_assert_eq(seteuid(SOMEBODY), 0);
	expect_not_loaded(true, "key_file_exposed", "chmod");
	cr_assert_eq(seteuid(0), 0);
	free(path);
}

/* As Kubernetes mounts a Secret: open to all, and nobody can write there. */
Test(key_safety, takes_a_folder_that_is_mounted_read_only)
{
	cr_assert_eq(chmod(dir, 01777), 0);
	if (unshare(CLONE_NEWNS) ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount(dir, dir, NULL, MS_BIND, NULL))
		cr_skip_test("only root can mount");
	expect_not_loaded(true, "key_dir_unsafe", dir);
	cr_assert_eq(
		mount(NULL, dir, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL),
		0);
	keyring_free(load());
	cr_assert_eq(umount(dir), 0);
}

/* The newest key seals: one that a worker cannot open is not its own. */
Test(key_safety, refuses_a_newest_key_without_its_secret_half)
{
	char planted[SEAL_KEY_ID_SIZE];

	make_key(planted);
	cr_assert_eq(remove(path_of(planted, ".key")), 0);
	expect_not_loaded(true, "keyring_cannot_open", planted);
	expect_not_loaded(true, "keyring_cannot_open", "take ");
}
