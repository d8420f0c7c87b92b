/* The window of unconfirmed messages: what is answered, once and in order. */
#include "window.h"

#include <criterion/criterion.h>

static struct window window;

static void open_window(void)
{
	window_init(&window);
}

static void close_window(void)
{
	window_clear(&window);
}

TestSuite(broker_window, .init = open_window, .fini = close_window);

static uint64_t publish(const char *message_id)
{
	return window_open(
		&window, window_address("exchange", "key", message_id));
}

static void expect(uint64_t ticket, enum confirm_kind kind)
{
	struct confirm confirm;

	cr_assert(window_take(&window, &confirm), "ticket %lu is missing",
		(unsigned long)ticket);
	cr_expect_eq(confirm.ticket, ticket);
	cr_expect_eq(confirm.kind, kind);
}

static void expect_no_more(void)
{
	struct confirm confirm;

	cr_expect_not(window_take(&window, &confirm));
}

Test(broker_window, tickets_count_from_one)
{
	cr_expect_eq(publish("a"), 1);
	cr_expect_eq(publish("b"), 2);
	expect_no_more();
}

Test(broker_window, answers_come_in_the_order_of_the_broker)
{
	publish("a");
	publish("b");
	publish("c");
	cr_assert(window_answer(&window, 2, false, CONFIRM_TAKEN));
	cr_assert(window_answer(&window, 3, false, CONFIRM_REFUSED));
	cr_assert(window_answer(&window, 1, false, CONFIRM_TAKEN));
	expect(2, CONFIRM_TAKEN);
	expect(3, CONFIRM_REFUSED);
	expect(1, CONFIRM_TAKEN);
	expect_no_more();
}

Test(broker_window, multiple_answers_all_up_to_it_once)
{
	for (int i = 0; i < 5; i++)
		publish("a");
	cr_assert(window_answer(&window, 2, false, CONFIRM_REFUSED));
	cr_assert(window_answer(&window, 4, true, CONFIRM_TAKEN));
	expect(2, CONFIRM_REFUSED);
	expect(1, CONFIRM_TAKEN);
	expect(3, CONFIRM_TAKEN);
	expect(4, CONFIRM_TAKEN);
	expect_no_more();
	cr_assert(window_answer(&window, 4, true, CONFIRM_TAKEN));
	expect_no_more();
}

Test(broker_window, multiple_with_zero_answers_all)
{
	publish("a");
	publish("b");
	cr_assert(window_answer(&window, 0, true, CONFIRM_REFUSED));
	expect(1, CONFIRM_REFUSED);
	expect(2, CONFIRM_REFUSED);
	expect_no_more();
}

Test(broker_window, a_returned_message_is_answered_as_returned_once)
{
	publish("a");
	publish("b");
	publish("c");
	cr_assert(
		window_return(&window, window_address("exchange", "key", "b")));
	expect_no_more();
	cr_assert(window_answer(&window, 3, true, CONFIRM_TAKEN));
	expect(1, CONFIRM_TAKEN);
	expect(2, CONFIRM_RETURNED);
	expect(3, CONFIRM_TAKEN);
	expect_no_more();
}

Test(broker_window, twins_are_returned_oldest_first)
{
	uint64_t address = window_address("", "nowhere", NULL);

	window_open(&window, address);
	window_open(&window, address);
	cr_assert(window_return(&window, address));
	cr_assert(window_return(&window, address));
	cr_expect_not(window_return(&window, address));
	cr_assert(window_answer(&window, 2, true, CONFIRM_TAKEN));
	expect(1, CONFIRM_RETURNED);
	expect(2, CONFIRM_RETURNED);
}

Test(broker_window, what_was_never_published_is_not_known)
{
	cr_expect_not(window_answer(&window, 1, false, CONFIRM_TAKEN));
	cr_expect_not(window_answer(&window, 0, false, CONFIRM_TAKEN));
	publish("a");
	cr_expect_not(window_answer(&window, 2, true, CONFIRM_TAKEN));
	cr_expect_not(
		window_return(&window, window_address("exchange", "key", "b")));
	cr_assert(window_answer(&window, 1, false, CONFIRM_TAKEN));
	cr_expect_not(
		window_return(&window, window_address("exchange", "key", "a")));
}

Test(broker_window, parts_of_an_address_do_not_run_together)
{
	cr_expect_neq(
		window_address("a", "b", "c"), window_address("ab", "", "c"));
	cr_expect_eq(
		window_address("a", "b", NULL), window_address("a", "b", ""));
}

/* Both rings grow and wrap around while the oldest message stays open. */
Test(broker_window, holds_any_number_of_messages)
{
	const uint64_t count = 10000;

	publish("first");
	for (uint64_t t = 2; t <= count; t++) {
		cr_assert_eq(publish("a"), t);
		if (t % 3 == 0)
			cr_assert(window_answer(
				&window, t, false, CONFIRM_REFUSED));
	}
	cr_assert(window_answer(&window, count, true, CONFIRM_TAKEN));
	for (uint64_t t = 3; t <= count; t += 3)
		expect(t, CONFIRM_REFUSED);
	for (uint64_t t = 1; t <= count; t++)
		if (t % 3 != 0)
			expect(t, CONFIRM_TAKEN);
	expect_no_more();
}

Test(broker_window, stays_small_when_answers_keep_up)
{
	for (uint64_t t = 1; t <= 100000; t++) {
		publish("a");
		cr_assert(window_answer(&window, t, false, CONFIRM_TAKEN));
		expect(t, CONFIRM_TAKEN);
	}
	cr_expect_leq(window.slot_count, 256);
	cr_expect_leq(window.answer_count, 256);
}
