/* Errors as values: the first failure wins, and nothing overflows. */
#include <byoc/err.h>
#include <byoc/memory.h>

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

Test(err, is_always_utf8)
{
	char longer[501];
	struct err err = {0};

	for (size_t i = 0; i < 500; i += 2)
		memcpy(longer + i, "é", 2);
	longer[500] = '\0';
	err_set(&err, ERR_REFUSED, "x", "a%s", longer);
	cr_assert_eq(strlen(err.text), sizeof err.text - 1);
	cr_assert_str_eq(err.text + sizeof err.text - 3, "é");
	err_prefix(&err, "a");
	cr_assert_str_eq(err.text + sizeof err.text - 4, "é?");
}

Test(err, makes_question_marks_of_what_is_not_utf8)
{
	static const char *const texts[][2] = {
		{"\xff", "?"},
		{"a\x80z", "a?z"},
		{"\xc3", "?"},
		{"\xc0\xaf", "??"},           /* a slash, written too long */
		{"\xed\xa0\x80", "???"},      /* half a surrogate pair */
		{"\xf4\x90\x80\x80", "????"}, /* beyond the last one */
		{"\xe2\x82\xac, \xf0\x9f\x98\x80", "€, 😀"},
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct err err = {0};
		err_set(&err, ERR_REFUSED, "x", "%s", texts[i][0]);
		cr_assert_str_eq(err.text, texts[i][1]);
	}
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
