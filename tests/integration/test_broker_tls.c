/* TLS: only the right broker is talked to. Run by broker_tls.sh. */
#include "broker_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(broker_tls, .timeout = 60);

static struct broker *open_at(
	const char *host, const char *ca_file, struct err *err)
{
	char text[256];
	struct secret url = {0};
	struct broker_options options = fixture_options(1);
	struct broker *broker;

	snprintf(text, sizeof(text), "amqps://guest:guest@%s:%s/%%2f", host,
		getenv("TLS_PORT"));
	secret_set(&url, text, strlen(text));
	options.url = &url;
	options.ca_file = ca_file;
	broker = broker_open(&options, err);
	secret_clear(&url);
	if (err->kind)
		cr_log_info("%s", err->text);
	return broker;
}

static void expect_refused(const char *host, const char *ca_file)
{
	struct err err = {0};

	cr_expect_null(open_at(host, ca_file, &err));
	cr_expect_eq(err.kind, ERR_REFUSED);
	cr_expect_str_eq(err.code, "broker_certificate");
}

static void expect_works(const char *host)
{
	struct err err = {0};
	struct broker *broker = open_at(host, getenv("TLS_CA"), &err);
	struct message job = fixture_job("id", "");
	size_t size = MESSAGE_BODY_MAX;
	char *body = malloc(size);

	cr_assert(broker, "%s", err.text);
	memset(body, 'x', size);
	job.body = body;
	job.size = size;
	for (int i = 0; i < 5; i++) {
		struct delivery *delivery;

		fixture_publish(broker, &job);
		delivery = fixture_delivery(broker);
		cr_expect_eq(delivery->size, size);
		cr_expect_eq(memcmp(delivery->body, body, size), 0);
		cr_expect(broker_ack(broker, delivery->tag, &err));
		delivery_free(delivery);
	}
	fixture_expect_no_delivery(broker, 100);
	free(body);
	broker_close(broker);
}

Test(broker_tls, works_by_name)
{
	expect_works("localhost");
}

Test(broker_tls, works_by_address)
{
	expect_works("127.0.0.1");
}

Test(broker_tls, refuses_another_name)
{
	/* The same broker, but its certificate does not have these. */
	expect_refused("127.0.0.2", getenv("TLS_CA"));
	/* To the resolver an address, to the certificate check a name. */
	expect_refused("127.1", getenv("TLS_CA"));
}

Test(broker_tls, refuses_an_unknown_authority)
{
	expect_refused("localhost", NULL);
	expect_refused("localhost", "");
}

Test(broker_tls, names_a_missing_file_of_authorities)
{
	struct err err = {0};

	cr_expect_null(open_at("localhost", "/no/such/ca.pem", &err));
	cr_expect_eq(err.kind, ERR_BAD_INPUT);
	cr_expect_str_eq(err.code, "ca_file");
	cr_expect(strstr(err.text, "/no/such/ca.pem"));
}

Test(broker_tls, a_port_without_tls_is_no_broker)
{
	struct err err = {0};
	struct broker_options options = fixture_options(1);
	struct secret url = {0};
	char text[256];

	snprintf(text, sizeof(text), "amqps%s", getenv("AMQP_URL") + 4);
	secret_set(&url, text, strlen(text));
	options.url = &url;
	options.ca_file = getenv("TLS_CA");
	cr_expect_null(broker_open(&options, &err));
	cr_expect_eq(err.kind, ERR_RETRY);
	cr_log_info("%s", err.text);
	secret_clear(&url);
}
