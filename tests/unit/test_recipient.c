/* Recipients: who can open what is sealed to them, which keys are none, and the
 * files that a pair is kept in. */
#include <byoc/recipient.h>

#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BASE64 = sodium_base64_VARIANT_ORIGINAL, BOX_ROOM = 1024 };

struct pair {
	unsigned char public_key[crypto_box_PUBLICKEYBYTES];
	unsigned char secret_key[crypto_box_SECRETKEYBYTES];
	char text[64];
};

static void start(void)
{
	cr_assert(sodium_init() >= 0);
}

TestSuite(recipient, .init = start);

static void make_pair(struct pair *pair)
{
	crypto_box_keypair(pair->public_key, pair->secret_key);
	sodium_bin2base64(pair->text, sizeof pair->text, pair->public_key,
		sizeof pair->public_key, BASE64);
}

static char *seal_text_to(const char *public_key, const char *text)
{
	struct secret plain = {0};
	struct err err = {0};
	char *sealed = NULL;

	secret_set(&plain, text, strlen(text));
	cr_assert(seal_to(public_key, &plain, &sealed, &err), "%s", err.text);
	secret_clear(&plain);
	return sealed;
}

/* Opens as whoever has that pair would; false when it does not. */
static bool opens(
	const struct pair *pair, const char *sealed, char plain[BOX_ROOM])
{
	unsigned char box[BOX_ROOM];
	size_t size;

	cr_assert_eq(sodium_base642bin(box, sizeof box, sealed, strlen(sealed),
			     NULL, &size, NULL, BASE64),
		0);
	memset(plain, 0, BOX_ROOM);
	return crypto_box_seal_open((unsigned char *)plain, box, size,
		       pair->public_key, pair->secret_key) == 0;
}

Test(recipient, opens_with_the_secret_key_and_with_no_other)
{
	struct pair asker, other;
	char plain[BOX_ROOM];

	make_pair(&asker);
	make_pair(&other);
	char *sealed = seal_text_to(asker.text, "a kubeconfig");
	cr_expect(opens(&asker, sealed, plain));
	cr_expect_str_eq(plain, "a kubeconfig");
	cr_expect_not(opens(&other, sealed, plain));

	/* Nor with another's secret key under the asker's name. */
	memcpy(other.public_key, asker.public_key, sizeof other.public_key);
	cr_expect_not(opens(&other, sealed, plain));
	free(sealed);
}

Test(recipient, never_seals_the_same_twice)
{
	struct pair asker;

	make_pair(&asker);
	char *one = seal_text_to(asker.text, "a kubeconfig");
	char *two = seal_text_to(asker.text, "a kubeconfig");
	cr_expect_str_neq(one, two);
	free(one);
	free(two);
}

Test(recipient, refuses_what_is_no_key)
{
	static const char *const not_keys[] = {
		"",
		"no key",
		"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw==",
		"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH",
		/* with these, everybody shares the same secret */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	};
	struct secret plain = {0};

	secret_set(&plain, "hunter2", 7);
	for (size_t i = 0; i < COUNT(not_keys); i++) {
		struct err err = {0};
		char *sealed = NULL;

		cr_expect_not(seal_to(not_keys[i], &plain, &sealed, &err));
		cr_expect_null(sealed, "%s", not_keys[i]);
		cr_expect_eq(err.kind, ERR_BAD_INPUT);
		cr_expect_str_eq(err.code, "bad_public_key");
		cr_expect_null(strstr(err.text, "hunter2"));
	}
	secret_clear(&plain);
}

/* ---- Files ---- */

enum { PATH_ROOM = 128 };

static char dir[PATH_ROOM / 2];

static void make_folder(void)
{
	start();
	strcpy(dir, "/tmp/byoc-test-recipient-XXXXXX");
	cr_assert(mkdtemp(dir));
}

TestSuite(recipient_files, .init = make_folder);

static const char *path_of(const char *name)
{
	static char paths[4][PATH_ROOM];
	static size_t next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_ROOM, "%s/%s", dir, name);
	return path;
}

static void expect_mode(const char *path, mode_t mode)
{
	struct stat status;

	cr_assert_eq(stat(path, &status), 0);
	cr_expect_eq(status.st_mode & 07777, mode);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	cr_assert(file);
	fputs(text, file);
	fclose(file);
}

static void remove_pair(const char *name)
{
	char public_name[32];

	snprintf(public_name, sizeof public_name, "%s.pub", name);
	remove(path_of(name));
	remove(path_of(public_name));
	rmdir(dir);
}

Test(recipient_files, open_what_is_sealed_to_the_public_half)
{
	char key[RECIPIENT_KEY_SIZE];
	struct secret plain = {0};
	struct err err = {0};

	cr_assert(recipient_make(path_of("ops"), &err), "%s", err.text);
	expect_mode(path_of("ops"), 0600);
	cr_assert(
		recipient_read(path_of("ops.pub"), key, &err), "%s", err.text);
	char *sealed = seal_text_to(key, "a kubeconfig");
	cr_assert(recipient_open(path_of("ops"), sealed, &plain, &err), "%s",
		err.text);
	cr_expect_str_eq(plain.bytes, "a kubeconfig");
	secret_clear(&plain);
	free(sealed);
	remove_pair("ops");
}

Test(recipient_files, are_never_overwritten)
{
	struct err err = {0};

	cr_assert(recipient_make(path_of("ops"), &err));
	cr_expect_not(recipient_make(path_of("ops"), &err));
	cr_expect_str_eq(err.code, "key_file_unwritable");
	err_clear(&err);
	/* Nor is a public half without its secret one; none is left behind. */
	remove(path_of("ops"));
	cr_expect_not(recipient_make(path_of("ops"), &err));
	cr_expect_neq(access(path_of("ops"), F_OK), 0);
	remove_pair("ops");
}

Test(recipient_files, do_not_open_what_is_anothers)
{
	char key[RECIPIENT_KEY_SIZE];
	struct secret plain = {0};
	struct err err = {0};

	cr_assert(recipient_make(path_of("ops"), &err));
	cr_assert(recipient_make(path_of("other"), &err));
	cr_assert(recipient_read(path_of("other.pub"), key, &err));
	char *sealed = seal_text_to(key, "a kubeconfig");
	cr_expect_not(recipient_open(path_of("ops"), sealed, &plain, &err));
	cr_expect_str_eq(err.code, "sealed_broken");
	err_clear(&err);
	cr_expect_not(recipient_open(path_of("ops"), "no box", &plain, &err));
	cr_expect_str_eq(err.code, "sealed_malformed");
	cr_expect_null(plain.bytes);
	free(sealed);
	remove_pair("other");
	remove_pair("ops");
}

Test(recipient_files, hold_a_key_and_nothing_else)
{
	static const char *const texts[] = {"", "no key\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\nmore\n"};
	char key[RECIPIENT_KEY_SIZE];
	struct err err = {0};

	for (size_t i = 0; i < COUNT(texts); i++) {
		write_text(path_of("key"), texts[i]);
		err_clear(&err);
		cr_expect_not(recipient_read(path_of("key"), key, &err));
		cr_expect_str_eq(err.code, "bad_public_key");
	}
	err_clear(&err);
	cr_expect_not(recipient_read(path_of("none"), key, &err));
	cr_expect_str_eq(err.code, "recipient_unreadable");
	remove_pair("key");
}
