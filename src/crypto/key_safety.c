/*
 * Who could change keys: sealing goes to the newest key of a folder, so whoever
 * can put one there reads what is sealed from then on.
 */
#include "keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static bool refuse_owner(
	const char *path, uid_t owner, const char *code, struct err *err)
{
	return err_set(err, ERR_BAD_INPUT, code,
		"%s belongs to user %u, who could put keys of their own there: "
		"see that they are yours, then `chown %u %s`",
		path, (unsigned)owner, (unsigned)geteuid(), path);
}

static bool refuse_mode(const char *path, const char *code, struct err *err)
{
	return err_set(err, ERR_BAD_INPUT, code,
		"others than the owner of %s may write to it, and could put "
		"keys of their own there: see that they are yours, then "
		"`chmod go-w %s`",
		path, path);
}

static bool is_owners_alone(int file, const char *path, bool read_only,
	const char *code, struct err *err)
{
	struct stat status;

	if (fstat(file, &status) < 0)
		return err_set(err, ERR_BAD_INPUT, code,
			"cannot tell whose %s is: %s", path, strerror(errno));
	if (status.st_uid != 0 && status.st_uid != geteuid())
		return refuse_owner(path, status.st_uid, code, err);
	if (!read_only && (status.st_mode & (S_IWGRP | S_IWOTH)))
		return refuse_mode(path, code, err);
	return true;
}

/* A Secret that Kubernetes mounts is a folder open to all, on a file system
 * that nobody in the container can write to. */
static bool is_read_only(int folder)
{
	struct statvfs status;

	return fstatvfs(folder, &status) == 0 && (status.f_flag & ST_RDONLY);
}

static bool refuse_unreadable(const char *dir, struct err *err)
{
	int number = errno;
	const char *why = strerror(number);

	if (number == ENOENT)
		return err_set(err, ERR_BAD_INPUT, "keyring_unreadable",
			"there is no key folder %s: make one with "
			"`byoc keygen %s`",
			dir, dir);
	return err_set(err, ERR_BAD_INPUT, "keyring_unreadable",
		"cannot read the key folder %s: %s%s", dir, why,
		number == EACCES ? "; run this as its owner" : "");
}

bool key_dir_is_safe(const char *dir, struct err *err)
{
	int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return refuse_unreadable(dir, err);
	bool ok = is_owners_alone(
		folder, dir, is_read_only(folder), "key_dir_unsafe", err);
	close(folder);
	return ok;
}

bool key_file_is_safe(int file, const char *path, struct err *err)
{
	return is_owners_alone(file, path, false, "key_file_unsafe", err);
}
