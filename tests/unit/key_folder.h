/* A folder of keys for a test, with one key in it. */
#pragma once

#include <byoc/seal.h>
#include <sys/types.h>

extern char dir[512];
extern char first_key[SEAL_KEY_ID_SIZE];

void key_folder_make(void);
void key_folder_remove(void);

/* "<dir>/<name><suffix>", until the next call. */
const char *path_of(const char *name, const char *suffix);
void write_file(const char *path, const char *text, mode_t mode);

/* Another key, which is newer. */
void make_key(char key_id[SEAL_KEY_ID_SIZE]);

/* As a worker loads it. */
struct keyring *load(void);
void expect_not_loaded(
	bool must_open, const char *code, const char *part_of_text);
