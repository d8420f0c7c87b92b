/* Errors as values: the first failure wins, and nothing overflows. */
#include <byoc/err.h>

#include <criterion/criterion.h>
#include <string.h>

Test(err, keeps_the_first_failure)
{
	struct err err = {0};

	cr_assert_not(err_set(&err, ERR_RETRY, "timeout", "after %d s", 3));
	cr_assert_not(err_set(&err, ERR_BUG, "later", "its echo"));
	cr_assert_eq(err.kind, ERR_RETRY);
	cr_assert_str_eq(err.code, "timeout");
	cr_assert_str_eq(err.text, "after 3 s");
}

Test(err, is_reused_after_clear)
{
	struct err err = {0};

	err_set(&err, ERR_RETRY, "first", "one");
	err_clear(&err);
	cr_assert_eq(err.kind, ERR_NONE);
	err_set(&err, ERR_BUG, "second", "two");
	cr_assert_str_eq(err.code, "second");
}

Test(err, cuts_texts_that_are_too_long)
{
	char longer[1000];
	struct err err = {0};

	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	err_set(&err, ERR_BUG, longer, "%s", longer);
	cr_assert_eq(strlen(err.code), sizeof err.code - 1);
	cr_assert_eq(strlen(err.text), sizeof err.text - 1);
	err_prefix(&err, "network");
	cr_assert_eq(strlen(err.text), sizeof err.text - 1);
	cr_assert_eq(strncmp(err.text, "network: xxx", 12), 0);
}

Test(err, says_where_it_happened)
{
	struct err err = {0};

	err_set(&err, ERR_REFUSED, "name_taken", "somebody has it");
	cr_assert_not(err_prefix(&err, "network"));
	cr_assert_str_eq(err.text, "network: somebody has it");
}

Test(err, has_a_word_for_every_kind)
{
	for (int kind = 0; kind < ERR_KIND_COUNT; kind++)
		cr_assert(err_kind_word((enum err_kind)kind), "%d", kind);
	cr_assert_str_eq(err_kind_word(ERR_BAD_INPUT), "bad_input");
}
