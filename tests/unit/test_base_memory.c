/* The arena: zeroed, aligned, and as large as it has to be. */
#include <byoc/memory.h>

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;

static void set_up(void)
{
	arena = arena_new();
}

static void tear_down(void)
{
	arena_free(arena);
}

TestSuite(arena, .init = set_up, .fini = tear_down);

Test(arena, gives_zeroed_aligned_memory_that_does_not_overlap)
{
	unsigned char *taken[200];

	for (size_t i = 0; i < COUNT(taken); i++) {
		taken[i] = arena_take(arena, i);
		cr_assert_eq((uintptr_t)taken[i] % 16, 0);
		for (size_t j = 0; j < i; j++)
			cr_assert_eq(taken[i][j], 0);
		memset(taken[i], (int)i, i);
	}
	for (size_t i = 0; i < COUNT(taken); i++)
		for (size_t j = 0; j < i; j++)
			cr_assert_eq(taken[i][j], i);
}

Test(arena, holds_what_is_larger_than_a_block)
{
	size_t size = 1024 * 1024;
	char *large = arena_take(arena, size);

	memset(large, 'x', size);
	cr_assert_str_eq(arena_copy_text(arena, "after"), "after");
	cr_assert_eq(large[size - 1], 'x');
}

Test(arena, copies_and_formats_texts)
{
	char text[] = "abc";
	char *copy = arena_copy_text(arena, text);

	text[0] = 'x';
	cr_assert_str_eq(copy, "abc");
	cr_assert_null(arena_copy_text(arena, NULL));
	cr_assert_str_eq(arena_format(arena, "%s-%d", "node", 7), "node-7");
	cr_assert_str_eq(arena_format(arena, "%s", ""), "");
}

Test(memory, is_zeroed_and_never_null)
{
	char *nothing = memory_new(0);
	int *numbers = memory_new(4 * sizeof *numbers);

	cr_assert(nothing);
	cr_assert_eq(numbers[3], 0);
	numbers = memory_resize(numbers, 8, sizeof *numbers);
	cr_assert_eq(numbers[3], 0);
	free(nothing);
	free(numbers);
	arena_free(NULL);
}
