/* What workers seal for themselves: nobody else can make one that opens. */
#include "key_folder.h"

#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTEXT "cluster:7d1f8c1e-0c7b-4b39-9a5e-0a3f6f0f8f11:authorities"

enum { HEAD_SIZE = 6 + SEAL_KEY_ID_SIZE };

static struct keyring *keyring;

static void set_up(void)
{
	key_folder_make();
	keyring = load();
}

static void tear_down(void)
{
	keyring_free(keyring);
	key_folder_remove();
}

TestSuite(seal_own, .init = set_up, .fini = tear_down);

static char *seal_text(const char *text)
{
	struct secret plain;
	struct err err = {0};
	char *sealed = NULL;

	secret_set(&plain, text, strlen(text));
	cr_assert(seal_own(keyring, CONTEXT, &plain, &sealed, &err), "%s",
		err.text);
	secret_clear(&plain);
	return sealed;
}

static void expect_opens(const char *sealed, const char *text)
{
	struct secret plain = {0};
	struct err err = {0};

	cr_assert(unseal_own(keyring, CONTEXT, sealed, &plain, &err), "%s",
		err.text);
	cr_expect_eq(plain.size, strlen(text));
	cr_expect_str_eq(plain.bytes, text);
	secret_clear(&plain);
}

static void expect_refused(
	const char *context, const char *sealed, const char *code)
{
	struct secret plain = {0};
	struct err err = {0};

	cr_expect_not(unseal_own(keyring, context, sealed, &plain, &err));
	cr_expect_str_eq(
		err.code, code, "%s is not %s (%s)", err.code, code, sealed);
	cr_expect_null(plain.bytes);
	secret_clear(&plain);
}

Test(seal_own, opens_what_it_sealed)
{
	char *sealed = seal_text("authorities");
	char *other = seal_text("authorities");
	char *empty = seal_text("");
	char prefix[64];

	snprintf(prefix, sizeof prefix, "byoc2.%s.", first_key);
	cr_expect_eq(strncmp(sealed, prefix, strlen(prefix)), 0);
	cr_expect_str_neq(sealed, other);
	expect_opens(sealed, "authorities");
	expect_opens(empty, "");
	free(sealed);
	free(other);
	free(empty);
}

/* With the public key alone anybody can do this. */
Test(seal_own, does_not_take_a_box_for_its_own)
{
	struct err err = {0};
	char *box = NULL;

	cr_assert(seal(keyring, CONTEXT, "an attacker's", 13, &box, &err));
	expect_refused(CONTEXT, box, "sealed_broken");
	memcpy(box, "byoc2.", 6);
	expect_refused(CONTEXT, box, "sealed_broken");
	free(box);
}

/* Nor with a key made of what everybody knows. */
Test(seal_own, does_not_open_what_the_public_key_sealed)
{
	unsigned char key[32], bytes[64] = {0};
	char line[256], text[128], sealed[256];
	size_t size;

	FILE *file = fopen(path_of(first_key, ".pub"), "r");
	cr_assert(file && fgets(line, sizeof line, file));
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	const char *public_key = strrchr(line, ' ') + 1;
	cr_assert_eq(sodium_base642bin(key, sizeof key, public_key,
			     strlen(public_key), NULL, &size, NULL,
			     sodium_base64_VARIANT_ORIGINAL),
		0);
	crypto_aead_xchacha20poly1305_ietf_encrypt(bytes + 24, NULL,
		(const unsigned char *)"theirs", 6,
		(const unsigned char *)CONTEXT, strlen(CONTEXT), NULL, bytes,
		key);
	sodium_bin2base64(text, sizeof text, bytes, 24 + 6 + 16,
		sodium_base64_VARIANT_ORIGINAL);
	snprintf(sealed, sizeof sealed, "byoc2.%s.%s", first_key, text);
	expect_refused(CONTEXT, sealed, "sealed_broken");
}

Test(seal_own, is_no_box)
{
	char *sealed = seal_text("authorities");
	struct secret plain = {0};
	struct err err = {0};

	cr_expect_not(unseal(keyring, CONTEXT, sealed, &plain, &err));
	cr_expect_str_eq(err.code, "sealed_malformed");
	err_clear(&err);
	memcpy(sealed, "byoc1.", 6);
	cr_expect_not(unseal(keyring, CONTEXT, sealed, &plain, &err));
	cr_expect_str_eq(err.code, "sealed_broken");
	free(sealed);
}

Test(seal_own, does_not_open_in_another_row)
{
	static const char *const contexts[] = {
		"cluster:00000000-0000-0000-0000-000000000000:authorities",
		"cluster:7d1f8c1e-0c7b-4b39-9a5e-0a3f6f0f8f11:join_token",
		"",
		CONTEXT "x",
	};
	char *sealed = seal_text("authorities");

	for (size_t i = 0; i < COUNT(contexts); i++)
		expect_refused(contexts[i], sealed, "sealed_broken");
	free(sealed);
}

Test(seal_own, does_not_open_after_a_bit_was_flipped)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij"
				       "klmnopqrstuvwxyz0123456789+/";
	char *sealed = seal_text("authorities!"); /* no digit but is whole */
	size_t length = strlen(sealed);

	for (size_t i = HEAD_SIZE; i < length && sealed[i + 1] != '='; i++) {
		char kept = sealed[i];

		for (int bit = 0; bit < 6 && sealed[i] != '='; bit++) {
			size_t digit =
				(size_t)(strchr(alphabet, kept) - alphabet);
			sealed[i] = alphabet[digit ^ (1u << bit)];
			struct secret plain = {0};
			struct err err = {0};
			cr_expect_not(unseal_own(
				keyring, CONTEXT, sealed, &plain, &err));
		}
		sealed[i] = kept;
	}
	expect_opens(sealed, "authorities!");
	free(sealed);
}

/* Whole groups of digits, so that what is left is base64. */
Test(seal_own, does_not_open_when_it_was_cut)
{
	char *sealed = seal_text("authorities of a cluster");
	size_t length = strlen(sealed);

	for (size_t cut = 4; HEAD_SIZE + cut < length; cut += 4) {
		struct secret plain = {0};
		struct err err = {0};
		char *shorter = memory_copy_text(sealed);

		shorter[length - cut] = '\0';
		cr_expect_not(
			unseal_own(keyring, CONTEXT, shorter, &plain, &err));
		strcpy(shorter + HEAD_SIZE, sealed + HEAD_SIZE + cut);
		cr_expect_not(
			unseal_own(keyring, CONTEXT, shorter, &plain, &err));
		free(shorter);
	}
	sealed[HEAD_SIZE] = '\0';
	expect_refused(CONTEXT, sealed, "sealed_malformed");
	free(sealed);
}

Test(seal_own, opens_with_every_key_it_has_and_no_other)
{
	char second_key[SEAL_KEY_ID_SIZE];
	char id[SEAL_KEY_ID_SIZE];
	char *old = seal_text("before");

	keyring_free(keyring);
	make_key(second_key);
	keyring = load();
	char *young = seal_text("after");
	cr_assert(sealed_key_id(young, id));
	cr_expect_str_eq(id, second_key);
	expect_opens(old, "before");
	expect_opens(young, "after");

	memcpy(young + 6, first_key, SEAL_KEY_ID_SIZE - 1);
	expect_refused(CONTEXT, young, "sealed_broken");
	memcpy(young + 6, "0123456789abcdef", SEAL_KEY_ID_SIZE - 1);
	expect_refused(CONTEXT, young, "sealed_unknown_key");
	free(old);
	free(young);
}

/* As a dashboard has it. */
Test(seal_own, takes_the_secret_key_file)
{
	char *sealed = seal_text("authorities");
	char *box = NULL;
	struct secret plain;
	struct err err = {0};

	keyring_free(keyring);
	cr_assert_eq(remove(path_of(first_key, ".key")), 0);
	keyring = keyring_load(dir, false, &err);
	cr_assert(keyring, "%s", err.text);
	expect_refused(CONTEXT, sealed, "sealed_unknown_key");
	secret_set(&plain, "x", 1);
	cr_expect_not(seal_own(keyring, CONTEXT, &plain, &box, &err));
	cr_expect_str_eq(err.code, "keyring_cannot_open");
	cr_expect(strstr(err.text, first_key), "%s", err.text);
	secret_clear(&plain);
	free(sealed);
}
