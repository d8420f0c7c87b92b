#include "key_folder.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char dir[512];
char first_key[SEAL_KEY_ID_SIZE];

const char *path_of(const char *name, const char *suffix)
{
	static char path[2 * sizeof dir];

	int size = snprintf(path, sizeof path, "%s/%s%s", dir, name, suffix);
	cr_assert_lt((size_t)size, sizeof path);
	return path;
}

void make_key(char key_id[SEAL_KEY_ID_SIZE])
{
	struct err err = {0};

	usleep(2000); /* keys are told apart by the millisecond */
	cr_assert(keyring_make_key(dir, key_id, &err), "%s", err.text);
}

void key_folder_make(void)
{
	strcpy(dir, "/tmp/byoc-test-seal-XXXXXX");
	cr_assert(mkdtemp(dir));
	make_key(first_key);
}

void key_folder_remove(void)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		remove(path_of(entry->d_name, ""));
	if (folder)
		closedir(folder);
	rmdir(dir);
}

struct keyring *load(void)
{
	struct err err = {0};
	struct keyring *keyring = keyring_load(dir, true, &err);

	cr_assert(keyring, "%s", err.text);
	return keyring;
}

void expect_not_loaded(
	bool must_open, const char *code, const char *part_of_text)
{
	struct err err = {0};

	cr_expect_null(keyring_load(dir, must_open, &err));
	cr_expect_str_eq(err.code, code, "%s is not %s", err.code, code);
	cr_expect(strstr(err.text, part_of_text), "%s lacks %s", err.text,
		part_of_text);
}

void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	cr_assert(file);
	fputs(text, file);
	fclose(file);
	cr_assert_eq(chmod(path, mode), 0);
}
