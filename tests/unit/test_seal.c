/* Sealed secrets: what opens, what does not, and what a person is told. */
#include "key_folder.h"

#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTEXT "credential:7d1f8c1e-0c7b-4b39-9a5e-0a3f6f0f8f11:token"

TestSuite(seal, .init = key_folder_make, .fini = key_folder_remove);

static char *seal_text(const struct keyring *keyring, const char *text)
{
	struct err err = {0};
	char *sealed = NULL;

	cr_assert(seal(keyring, CONTEXT, text, strlen(text), &sealed, &err));
	return sealed;
}

static void expect_opens(
	const struct keyring *keyring, const char *sealed, const char *text)
{
	struct secret plain = {0};
	struct err err = {0};

	cr_assert(
		unseal(keyring, CONTEXT, sealed, &plain, &err), "%s", err.text);
	cr_expect_eq(plain.size, strlen(text));
	cr_expect_str_eq(plain.bytes, text);
	secret_clear(&plain);
}

static void expect_refused(const struct keyring *keyring, const char *context,
	const char *sealed, const char *code)
{
	struct secret plain = {0};
	struct err err = {0};

	cr_expect_not(unseal(keyring, context, sealed, &plain, &err));
	cr_expect_str_eq(
		err.code, code, "%s is not %s (%s)", err.code, code, sealed);
	cr_expect_null(plain.bytes);
	secret_clear(&plain);
}

Test(seal, opens_what_it_sealed)
{
	struct keyring *keyring = load();
	char *sealed = seal_text(keyring, "a token");
	char prefix[64];

	snprintf(prefix, sizeof prefix, "byoc1.%s.", first_key);
	cr_expect_eq(strncmp(sealed, prefix, strlen(prefix)), 0);
	cr_expect_null(strstr(sealed, "a token"));
	expect_opens(keyring, sealed, "a token");
	free(sealed);
	keyring_free(keyring);
}

Test(seal, carries_empty_and_large_plaintexts_with_zero_bytes)
{
	static const size_t sizes[] = {0, 1, 100000};
	struct keyring *keyring = load();
	char *plain = memory_new(100000);

	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct secret opened = {0};
		struct err err = {0};
		char *sealed = NULL;

		cr_assert(
			seal(keyring, CONTEXT, plain, sizes[i], &sealed, &err));
		cr_assert(unseal(keyring, CONTEXT, sealed, &opened, &err));
		cr_expect_eq(opened.size, sizes[i]);
		cr_expect_eq(memcmp(opened.bytes, plain, sizes[i]), 0);
		secret_clear(&opened);
		free(sealed);
	}
	free(plain);
	keyring_free(keyring);
}

Test(seal, never_seals_the_same_twice)
{
	struct keyring *keyring = load();
	char *one = seal_text(keyring, "a token");
	char *other = seal_text(keyring, "a token");

	cr_expect_str_neq(one, other);
	free(one);
	free(other);
	keyring_free(keyring);
}

Test(seal, does_not_open_in_another_context)
{
	static const char *const contexts[] = {
		"credential:00000000-0000-0000-0000-000000000000:token",
		"credential",
		"",
		CONTEXT "x",
	};
	struct keyring *keyring = load();
	char *sealed = seal_text(keyring, "a token");

	for (size_t i = 0; i < COUNT(contexts); i++)
		expect_refused(keyring, contexts[i], sealed, "sealed_broken");
	free(sealed);
	keyring_free(keyring);
}

/* Every bit of the box, decoded and encoded again through its text. */
Test(seal, does_not_open_after_a_bit_was_flipped)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij"
				       "klmnopqrstuvwxyz0123456789+/";
	struct keyring *keyring = load();
	char *sealed = seal_text(keyring, "a token");
	size_t head = strlen("byoc1.") + SEAL_KEY_ID_SIZE;

	for (size_t i = head; sealed[i] && sealed[i] != '='; i++) {
		char kept = sealed[i];
		/* The last digits may hold bits that are not used. */
		bool last = !sealed[i + 1] || sealed[i + 1] == '=';

		for (int bit = 0; bit < 6 && !last; bit++) {
			size_t digit =
				(size_t)(strchr(alphabet, kept) - alphabet);
			sealed[i] = alphabet[digit ^ (1u << bit)];
			expect_refused(
				keyring, CONTEXT, sealed, "sealed_broken");
		}
		sealed[i] = kept;
	}
	expect_opens(keyring, sealed, "a token");
	free(sealed);
	keyring_free(keyring);
}

Test(seal, names_the_key_it_does_not_have)
{
	struct keyring *keyring = load();
	char *sealed = seal_text(keyring, "a token");
	struct secret plain = {0};
	struct err err = {0};

	memcpy(sealed + strlen("byoc1."), "0123456789abcdef", 16);
	cr_expect_not(unseal(keyring, CONTEXT, sealed, &plain, &err));
	cr_expect_str_eq(err.code, "sealed_unknown_key");
	cr_expect_eq(err.kind, ERR_RETRY);
	cr_expect(strstr(err.text, "0123456789abcdef"));
	free(sealed);
	keyring_free(keyring);
}

Test(seal, refuses_malformed_texts)
{
	static const char *const texts[] = {
		"",
		"byoc1",
		"byoc1.",
		"byoc1.0123456789abcdef",
		"byoc1.0123456789abcdef.",
		"byoc1.0123456789abcdef.AAAA",
		"byoc1.0123456789ABCDEF.AAAA",
		"byoc1.0123456789abcde.AAAA",
		"byoc1.0123456789abcdef0.AAAA",
		"byoc2.0123456789abcdef.AAAA",
		"byoc3.0123456789abcdef.AAAA",
		"byoc1.0123456789abcdef.not base64",
		" byoc1.0123456789abcdef.AAAA",
		"a token somebody forgot to seal",
	};
	struct keyring *keyring = load();

	for (size_t i = 0; i < COUNT(texts); i++)
		expect_refused(keyring, CONTEXT, texts[i], "sealed_malformed");

	/* A good one with something behind it. */
	char longer[1024];
	char *sealed = seal_text(keyring, "a token");
	snprintf(longer, sizeof longer, "%s\n", sealed);
	expect_refused(keyring, CONTEXT, longer, "sealed_malformed");
	free(sealed);
	keyring_free(keyring);
}

Test(seal, shows_nothing_of_the_secret_in_errors)
{
	struct keyring *keyring = load();
	char *sealed = seal_text(keyring, "hunter2hunter2");
	struct secret plain = {0};
	struct err err = {0};

	cr_expect_not(unseal(keyring, "elsewhere", sealed, &plain, &err));
	cr_expect_null(strstr(err.text, "hunter2"));
	cr_expect_null(strstr(err.text, sealed));
	err_clear(&err);
	cr_expect_not(unseal(keyring, CONTEXT, "hunter2", &plain, &err));
	cr_expect_null(strstr(err.text, "hunter2"));
	free(sealed);
	keyring_free(keyring);
}

Test(seal, reads_the_key_id_of_a_sealed_text)
{
	char id[SEAL_KEY_ID_SIZE];

	cr_expect(sealed_key_id("byoc1.0123456789abcdef.AAAA", id));
	cr_expect_str_eq(id, "0123456789abcdef");
	cr_expect(sealed_key_id("byoc2.123456789abcdef0.AAAA", id));
	cr_expect_str_eq(id, "123456789abcdef0");
	cr_expect_not(sealed_key_id("byoc1.0123456789abcdef", id));
	cr_expect_not(sealed_key_id("", id));
}

Test(seal, uses_the_newest_key_and_opens_with_all)
{
	char second_key[SEAL_KEY_ID_SIZE];
	struct keyring *keyring = load();
	char *old = seal_text(keyring, "sealed before");

	keyring_free(keyring);
	make_key(second_key);
	keyring = load();
	cr_expect_str_eq(keyring_newest(keyring), second_key);

	char *young = seal_text(keyring, "sealed after");
	char id[SEAL_KEY_ID_SIZE];
	cr_assert(sealed_key_id(young, id));
	cr_expect_str_eq(id, second_key);
	expect_opens(keyring, old, "sealed before");
	expect_opens(keyring, young, "sealed after");
	free(old);
	free(young);
	keyring_free(keyring);
}

Test(seal, needs_only_the_public_key_to_seal)
{
	struct err err = {0};
	char *sealed = NULL;

	/* As the dashboard has it. */
	char *aside = memory_copy_text(path_of(first_key, ".aside"));
	cr_assert_eq(rename(path_of(first_key, ".key"), aside), 0);
	expect_not_loaded(true, "keyring_cannot_open", "byoc keygen");
	struct keyring *dashboard = keyring_load(dir, false, &err);
	cr_assert(dashboard, "%s", err.text);
	cr_assert(seal(dashboard, CONTEXT, "a token", 7, &sealed, &err));
	expect_refused(dashboard, CONTEXT, sealed, "sealed_unknown_key");
	keyring_free(dashboard);

	/* As a worker has it; the secret key alone is enough. */
	cr_assert_eq(rename(aside, path_of(first_key, ".key")), 0);
	cr_assert_eq(remove(path_of(first_key, ".pub")), 0);
	struct keyring *worker = load();
	expect_opens(worker, sealed, "a token");
	keyring_free(worker);
	free(aside);
	free(sealed);
}

Test(seal, keeps_secret_key_files_private)
{
	struct stat status;

	cr_assert_eq(stat(path_of(first_key, ".key"), &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0600);
	cr_assert_eq(stat(path_of(first_key, ".pub"), &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0644);
}

Test(seal, refuses_a_key_file_that_others_can_read)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0644};

	for (size_t i = 0; i < COUNT(modes); i++) {
		cr_assert_eq(chmod(path_of(first_key, ".key"), modes[i]), 0);
		expect_not_loaded(true, "key_file_exposed", first_key);
		expect_not_loaded(false, "key_file_exposed", "chmod 600");
	}
}

Test(seal, refuses_what_is_not_a_key_file)
{
	static const char *const texts[] = {
		"",
		"\n",
		"byoc-key-2 secret 2026-01-31T12:00:00.000Z AAAA\n",
		/* What opens boxes, without the workers' own key. */
		"byoc-key-2 secret 2026-01-31T12:00:00.000Z "
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		"byoc-key-2 public 2026-01-31T12:00:00.000Z "
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		"byoc-key-2 secret yesterday "
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		"byoc-key-2 secret 2026-01-31T12:00:00.000Z "
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"byoc-key-2 secret 2026-01-31T12:00:00.000Z "
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nmore\n",
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		write_file(path_of(first_key, ".key"), texts[i], 0600);
		expect_not_loaded(true, "key_file_malformed", first_key);
	}
	remove(path_of(first_key, ".key"));
	cr_assert_eq(mkdir(path_of(first_key, ".key"), 0700), 0);
	expect_not_loaded(true, "key_file_malformed", first_key);
}

Test(seal, refuses_a_key_under_anothers_name)
{
	char *wrong = memory_copy_text(path_of("0123456789abcdef", ".key"));

	cr_assert_eq(rename(path_of(first_key, ".key"), wrong), 0);
	expect_not_loaded(true, "key_file_malformed", first_key);
	free(wrong);
}

Test(seal, passes_over_files_that_are_not_keys)
{
	write_file(path_of("README", ".md"), "about these keys\n", 0644);
	write_file(path_of(".hidden", ".key"), "an editor's\n", 0644);
	keyring_free(load());
}

Test(seal, tells_how_to_make_a_key_where_there_is_none)
{
	remove(path_of(first_key, ".key"));
	remove(path_of(first_key, ".pub"));
	expect_not_loaded(true, "keyring_empty", "byoc keygen /tmp/byoc-test");
	expect_not_loaded(false, "keyring_empty", "byoc keygen");
	rmdir(dir);
	expect_not_loaded(true, "keyring_unreadable", "byoc keygen");
}

Test(seal, makes_the_key_folder_when_it_is_missing)
{
	char inner[2 * sizeof dir];
	char id[SEAL_KEY_ID_SIZE];
	struct err err = {0};
	struct stat status;

	snprintf(inner, sizeof inner, "%s", path_of("inner", ""));
	cr_assert(keyring_make_key(inner, id, &err), "%s", err.text);
	cr_assert_eq(stat(inner, &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0700);

	struct keyring *keyring = keyring_load(inner, true, &err);
	cr_assert(keyring, "%s", err.text);
	cr_expect_str_eq(keyring_newest(keyring), id);
	keyring_free(keyring);

	char name[64];
	snprintf(name, sizeof name, "inner/%s", id);
	remove(path_of(name, ".key"));
	remove(path_of(name, ".pub"));
}

static void expect_removal_refused(
	const char *key_id, const char *code, const char *part_of_text)
{
	struct err err = {0};

	cr_expect_not(keyring_remove_key(dir, key_id, &err));
	cr_expect_str_eq(err.code, code);
	cr_expect(strstr(err.text, part_of_text), "%s", err.text);
}

Test(seal, removes_a_key_but_never_the_newest)
{
	char second_key[SEAL_KEY_ID_SIZE];
	struct err err = {0};

	expect_removal_refused(first_key, "key_newest", first_key);
	make_key(second_key);
	expect_removal_refused(second_key, "key_newest", "byoc keygen");
	expect_removal_refused("0123456789abcdef", "key_unknown", dir);

	cr_assert(keyring_may_remove(dir, first_key, &err), "%s", err.text);
	cr_expect_eq(access(path_of(first_key, ".key"), F_OK), 0);
	cr_assert(keyring_remove_key(dir, first_key, &err), "%s", err.text);
	cr_expect_neq(access(path_of(first_key, ".key"), F_OK), 0);
	cr_expect_neq(access(path_of(first_key, ".pub"), F_OK), 0);
	expect_removal_refused(first_key, "key_unknown", first_key);
	keyring_free(load());
}

Test(seal, removes_half_a_key)
{
	char second_key[SEAL_KEY_ID_SIZE];
	struct err err = {0};

	make_key(second_key);
	cr_assert_eq(remove(path_of(first_key, ".pub")), 0);
	cr_assert(keyring_remove_key(dir, first_key, &err), "%s", err.text);
	cr_expect_neq(access(path_of(first_key, ".key"), F_OK), 0);
}
