/* The finder of words. */
#include <byoc/words.h>

#include <criterion/criterion.h>

static const char *const text[] = {"red", "green", "blue"};
static const struct words colours = {"colour", text, 3};

Test(words, finds_values_and_their_words)
{
	cr_assert_eq(words_find(&colours, "green"), 1);
	cr_assert_eq(words_find(&colours, "Green"), -1);
	cr_assert_eq(words_find(&colours, ""), -1);
	cr_assert_str_eq(words_text(&colours, 2), "blue");
	cr_assert_str_eq(words_text(&colours, 3), "?");
	cr_assert_str_eq(words_text(&colours, -1), "?");
}

Test(words, lists_itself_for_people)
{
	char list[40];

	words_list(&colours, list, sizeof list);
	cr_assert_str_eq(list, "red, green or blue");
	words_list(&colours, list, 8);
	cr_assert_str_eq(list, "red, gr");
}
