/* Sealing to a key from outside: who can open it, and which keys are none. */
#include <byoc/seal.h>

#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

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

TestSuite(seal_to, .init = start);

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

Test(seal_to, opens_with_the_secret_key_and_with_no_other)
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

Test(seal_to, never_seals_the_same_twice)
{
	struct pair asker;

	make_pair(&asker);
	char *one = seal_text_to(asker.text, "a kubeconfig");
	char *two = seal_text_to(asker.text, "a kubeconfig");
	cr_expect_str_neq(one, two);
	free(one);
	free(two);
}

Test(seal_to, refuses_what_is_no_key)
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
