/*
 * Messages that come back again and again are handled one at a time, so that
 * one which ends its consumers does no harm to those beside it.
 */
#include "broker_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(broker_suspects, .init = fixture_clean, .timeout = 60);

static void publish_to(
	struct broker *broker, const char *queue, const char *body)
{
	struct message job = fixture_job("id", body);

	job.exchange = "";
	job.routing_key = queue;
	fixture_publish(broker, &job);
	cr_assert_eq(fixture_confirm(broker).kind, CONFIRM_TAKEN);
}

static void ack(struct broker *broker, struct delivery *delivery)
{
	cr_assert(broker_ack(broker, delivery->tag, &fixture_err));
	delivery_free(delivery);
}

Test(broker_suspects, every_loss_of_the_consumer_is_counted)
{
	struct broker *broker = fixture_open(10);

	publish_to(broker, BROKER_JOBS, "job");
	for (int i = 0; i < 4; i++) {
		struct delivery *delivery = fixture_delivery(broker);

		cr_expect_eq(delivery->redeliveries, i);
		cr_expect_not(delivery->suspect);
		delivery_free(delivery);
		broker_free(broker);
		broker = fixture_open(10);
	}
	broker_close(broker);
}

Test(broker_suspects, are_delivered_alone_and_beside_the_jobs)
{
	struct broker *broker = fixture_open(10);

	for (int i = 0; i < 3; i++)
		publish_to(broker, BROKER_SUSPECTS, "suspect");

	struct delivery *suspect = fixture_delivery(broker);

	cr_expect(suspect->suspect);
	cr_expect_eq(suspect->redeliveries, 0);
	fixture_expect_no_delivery(broker, 300);
	for (int i = 0; i < 3; i++) {
		publish_to(broker, BROKER_JOBS, "job");

		struct delivery *job = fixture_delivery(broker);

		cr_expect_not(job->suspect);
		cr_expect_str_eq(job->body, "job");
		ack(broker, job);
	}
	ack(broker, suspect);
	suspect = fixture_delivery(broker);
	cr_expect(suspect->suspect);
	ack(broker, suspect);
	broker_close(broker);
}

Test(broker_suspects, are_taken_no_more_once_consuming_has_stopped)
{
	struct broker *broker = fixture_open(10);

	cr_assert(broker_stop_consuming(broker, &fixture_err));
	publish_to(broker, BROKER_SUSPECTS, "suspect");
	fixture_expect_no_delivery(broker, 300);
	broker_close(broker);
}

/* As the worker does: what came back too often goes to the suspects, unread. */
static void forward(struct broker *broker, struct delivery *delivery)
{
	publish_to(broker, BROKER_SUSPECTS, delivery->body);
	ack(broker, delivery);
}

/* Handles a suspect; true when that ended its consumer. */
static bool handle(struct broker *broker, struct delivery *delivery)
{
	bool poisonous = strcmp(delivery->body, "poison") == 0;

	cr_expect(delivery->suspect);
	if (!poisonous) {
		ack(broker, delivery);
		return false;
	}
	delivery_free(delivery);
	broker_free(broker);
	return true;
}

static void expect_only_poison_is_dead(void)
{
	struct broker_console *console = fixture_console();
	struct letter *letter = NULL;

	cr_assert(broker_console_look(
		console, BROKER_DEAD, &letter, &fixture_err));
	cr_assert(letter);
	cr_expect_str_eq(letter->delivery.body, "poison");
	cr_expect_str_eq(letter->reason_code, "delivery_limit");
	letter_free(letter);
	cr_assert(broker_console_look(
		console, BROKER_DEAD, &letter, &fixture_err));
	cr_expect_null(letter);
	broker_console_free(console);
}

Test(broker_suspects, poison_dies_alone)
{
	const int neighbours = 5;
	struct broker *broker = fixture_open(10);
	int handled = 0;
	int crashes = 0;

	for (int i = 0; i < neighbours; i++)
		publish_to(broker, BROKER_JOBS, i == 2 ? "poison" : "job");
	publish_to(broker, BROKER_JOBS, "job");
	for (int loss = 0; loss < SUSPECT_REDELIVERIES; loss++) {
		for (int i = 0; i <= neighbours; i++)
			delivery_free(fixture_delivery(broker));
		broker_free(broker);
		broker = fixture_open(10);
	}
	while (handled < neighbours || crashes < 3) {
		struct delivery *delivery = fixture_delivery(broker);

		if (!delivery->suspect) {
			cr_expect_geq(
				delivery->redeliveries, SUSPECT_REDELIVERIES);
			forward(broker, delivery);
		} else if (handle(broker, delivery)) {
			crashes++;
			broker = fixture_open(10);
		} else {
			handled++;
		}
	}
	cr_expect_eq(crashes, 3);
	cr_expect_eq(handled, neighbours);
	fixture_expect_no_delivery(broker, 500);
	broker_close(broker);
	expect_only_poison_is_dead();
}
