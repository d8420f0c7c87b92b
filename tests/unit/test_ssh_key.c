/* The SSH key's form. That OpenSSH reads it is shown by test_cluster_keys.py.
 */
#include <byoc/cluster_keys.h>

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { BLOB_MAX = 1024 };

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----\n"
#define END "-----END OPENSSH PRIVATE KEY-----\n"

static void make(
	const char *comment, struct secret *private_key, char **public_line)
{
	struct err err = {0};

	cr_assert(ssh_key_make(comment, private_key, public_line, &err), "%s",
		err.text);
}

static size_t decode(const char *text, size_t size, unsigned char *blob)
{
	size_t got = 0;

	cr_assert_eq(sodium_base642bin(blob, BLOB_MAX, text, size, "\n", &got,
			     NULL, sodium_base64_VARIANT_ORIGINAL),
		0);
	return got;
}

Test(ssh_key, is_an_openssh_file_of_whole_blocks)
{
	unsigned char blob[BLOB_MAX];
	struct secret private_key;
	char *public_line;

	make("mengi cluster", &private_key, &public_line);
	const char *text = private_key.bytes;
	cr_assert_eq(strncmp(text, BEGIN, strlen(BEGIN)), 0);
	cr_assert_eq(strlen(text), private_key.size);
	cr_assert_str_eq(text + private_key.size - strlen(END), END);
	size_t size = decode(text + strlen(BEGIN),
		private_key.size - strlen(BEGIN) - strlen(END), blob);
	cr_expect_eq(memcmp(blob, "openssh-key-v1", 15), 0);

	/* The private part comes last and is padded to whole blocks. */
	size_t public_end = 15 + 8 + 8 + 4 + 4 + 4 + 51;
	cr_assert_lt(public_end, size);
	cr_expect_eq((size - public_end - 4) % 8, 0);
	secret_clear(&private_key);
	free(public_line);
}

Test(ssh_key, has_a_public_line_with_its_comment)
{
	unsigned char blob[BLOB_MAX];
	struct secret private_key;
	char *public_line;

	make("a comment", &private_key, &public_line);
	cr_assert_eq(
		strncmp(public_line, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", 32),
		0);
	const char *base64 = public_line + strlen("ssh-ed25519 ");
	const char *comment = strchr(base64, ' ');
	cr_assert(comment);
	cr_expect_str_eq(comment, " a comment");
	cr_expect_eq(decode(base64, (size_t)(comment - base64), blob), 51);
	secret_clear(&private_key);
	free(public_line);
}

Test(ssh_key, is_another_every_time)
{
	struct secret one, other;
	char *one_line, *other_line;

	make("key", &one, &one_line);
	make("key", &other, &other_line);
	cr_expect_str_neq(one.bytes, other.bytes);
	cr_expect_str_neq(one_line, other_line);
	secret_clear(&one);
	secret_clear(&other);
	free(one_line);
	free(other_line);
}

Test(ssh_key, refuses_a_comment_that_would_break_its_line)
{
	static const char *const comments[] = {"two\nlines", "tab\t", "\x7f"};
	struct secret private_key = {0};
	char *public_line = NULL;

	for (size_t i = 0; i < 3; i++) {
		struct err err = {0};
		cr_expect_not(ssh_key_make(
			comments[i], &private_key, &public_line, &err));
		cr_expect_eq(err.kind, ERR_BUG);
	}
	cr_expect_null(private_key.bytes);
	cr_expect_null(public_line);
}
