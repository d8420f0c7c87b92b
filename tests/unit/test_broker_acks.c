/* Acknowledgements: each delivery is acknowledged once, by few messages. */
#include "acks.h"

#include <criterion/criterion.h>

enum { ROOM = 8 };

static struct acks acks;

/* Tags 1 to 8 are out. */
static void open_acks(void)
{
	acks_init(&acks, ROOM);
	for (uint64_t tag = 1; tag <= ROOM; tag++)
		cr_assert(acks_add(&acks, tag));
}

static void close_acks(void)
{
	acks_clear(&acks);
}

TestSuite(broker_acks, .init = open_acks, .fini = close_acks);

static void note(uint64_t first, uint64_t last)
{
	for (uint64_t tag = first; tag <= last; tag++)
		cr_expect(acks_note(&acks, tag), "%d", (int)tag);
}

/* `single`: up to a 0. */
static void expect(uint64_t up_to, const uint64_t *single)
{
	struct acks_due due = acks_take(&acks);
	size_t count = 0;

	cr_expect_eq(due.up_to, up_to, "%d", (int)due.up_to);
	for (; single[count]; count++)
		cr_expect(
			count < due.count && due.single[count] == single[count],
			"%d", (int)single[count]);
	cr_expect_eq(due.count, count);
}

#define EXPECT(up_to, ...) expect(up_to, (uint64_t[]){__VA_ARGS__})

Test(broker_acks, nothing_is_due_at_first)
{
	EXPECT(0, 0);
}

Test(broker_acks, one_stands_for_all_that_came_first)
{
	note(1, 5);
	EXPECT(5, 0);
	EXPECT(0, 0);
	note(6, 8);
	EXPECT(8, 0);
}

Test(broker_acks, what_came_after_one_that_is_still_out_goes_singly)
{
	note(1, 2);
	note(4, 4);
	note(6, 7);
	EXPECT(2, 4, 6, 7, 0);
	note(3, 3);
	EXPECT(3, 0);
	note(5, 5);
	EXPECT(5, 0);
	note(8, 8);
	EXPECT(8, 0);
}

Test(broker_acks, it_never_stands_for_what_is_out)
{
	note(2, 8);
	EXPECT(0, 2, 3, 4, 5, 6, 7, 8, 0);
	cr_expect(acks_add(&acks, 9));
	note(9, 9);
	EXPECT(0, 9, 0);
}

Test(broker_acks, what_was_given_back_keeps_nothing_back)
{
	cr_expect(acks_remove(&acks, 1));
	cr_expect(acks_remove(&acks, 4));
	note(2, 3);
	note(5, 5);
	EXPECT(5, 0);
	cr_expect_not(acks_remove(&acks, 4));
	cr_expect_not(acks_note(&acks, 1));
}

Test(broker_acks, each_is_noted_once)
{
	note(3, 3);
	cr_expect_not(acks_note(&acks, 3));
	cr_expect_not(acks_remove(&acks, 3));
	EXPECT(0, 3, 0);
	cr_expect_not(acks_note(&acks, 3));
	cr_expect_not(acks_note(&acks, 99));
}

Test(broker_acks, what_is_settled_makes_room)
{
	cr_expect_not(acks_add(&acks, 9));
	note(5, 5);
	EXPECT(0, 5, 0);
	cr_expect(acks_add(&acks, 9));
	cr_expect_not(acks_add(&acks, 10));
}
