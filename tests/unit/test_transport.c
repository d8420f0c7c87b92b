/* Which URLs lead over a network in the clear, as the libraries read them. */
#include <byoc/transport.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void set_up(void)
{
	static const char *const names[] = {"PGHOST", "PGHOSTADDR", "PGSSLMODE",
		"PGSERVICE", "PGSERVICEFILE"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unsetenv(names[i]);
}

TestSuite(transport, .init = set_up);

static char *complaints(const char *database, const char *broker)
{
	struct settings settings = {0};

	if (database)
		secret_set(&settings.database_url, database, strlen(database));
	if (broker)
		secret_set(&settings.amqp_url, broker, strlen(broker));
	char *said = transport_complaints(&settings);
	secret_clear(&settings.database_url);
	secret_clear(&settings.amqp_url);
	return said;
}

static bool takes_database(const char *url)
{
	char *said = complaints(url, NULL);
	bool taken = !said;

	cr_expect(taken || strncmp(said, "BYOC_DATABASE_URL: ", 19) == 0);
	free(said);
	return taken;
}

static bool takes_broker(const char *url)
{
	char *said = complaints(NULL, url);
	bool taken = !said;

	cr_expect(taken || strncmp(said, "BYOC_AMQP_URL: ", 15) == 0);
	free(said);
	return taken;
}

Test(transport, a_database_on_this_machine_needs_no_tls)
{
	cr_expect(takes_database("postgresql:///byoc"));
	cr_expect(takes_database("postgresql://u:p@localhost:5432/byoc"));
	cr_expect(takes_database("postgresql://127.0.0.1/byoc"));
	cr_expect(takes_database("postgresql://127.1.2.3/byoc"));
	cr_expect(takes_database("postgresql://[::1]/byoc"));
	cr_expect(takes_database("postgresql://%2Frun%2Fpostgresql/byoc"));
	cr_expect(takes_database("postgresql:///byoc?host=/run/postgresql"));
	cr_expect(takes_database("postgresql://localhost,[::1]:5433/byoc"));
	cr_expect(takes_database("host=/run/postgresql dbname=byoc"));
}

Test(transport, a_database_elsewhere_is_verified_in_full)
{
	cr_expect(takes_database("postgresql://db.x/byoc?sslmode=verify-full"));
	cr_expect_not(takes_database("postgresql://db.x/byoc"));
	cr_expect_not(takes_database("postgresql://10.0.0.1/byoc"));
	cr_expect_not(takes_database("postgresql://127.0.0.1.x/byoc"));
	cr_expect_not(takes_database("postgresql://localhost:p@db.x/byoc"));
	cr_expect_not(takes_database("postgresql://db.x/b?sslmode=require"));
	cr_expect_not(takes_database("postgresql://db.x/b?sslmode=verify-ca"));
	cr_expect_not(takes_database(
		"postgresql://db.x/b?sslmode=verify-full&sslmode=require"));
	cr_expect_not(takes_database(
		"postgresql://db.x/b?sslmode=verify-full&ssl=true"));
}

Test(transport, none_of_several_databases_is_forgotten)
{
	cr_expect_not(takes_database("postgresql://localhost,db.x/byoc"));
	cr_expect_not(takes_database("postgresql:///byoc?host=db.x"));
	cr_expect_not(takes_database("postgresql://localhost/b?host=db.x"));
	cr_expect_not(takes_database(
		"postgresql://localhost/byoc?hostaddr=10.0.0.1"));
}

Test(transport, the_environment_of_libpq_counts)
{
	setenv("PGHOST", "db.x", 1);
	cr_expect_not(takes_database("postgresql:///byoc"));
	cr_expect(takes_database("postgresql://localhost/byoc"));
	setenv("PGSSLMODE", "verify-full", 1);
	cr_expect(takes_database("postgresql:///byoc"));
	cr_expect_not(takes_database("postgresql:///b?sslmode=prefer"));
}

Test(transport, a_service_may_lead_anywhere)
{
	setenv("PGHOST", "localhost", 1);
	setenv("PGSSLMODE", "verify-full", 1);
	cr_expect_not(takes_database("postgresql:///byoc?service=far"));
	cr_expect(takes_database("postgresql://localhost/byoc?service=far"));
	cr_expect(takes_database(
		"postgresql:///byoc?service=far&sslmode=verify-full"));
}

Test(transport, a_broker_elsewhere_is_reached_by_tls)
{
	cr_expect(takes_broker("amqp://u:p@localhost/byoc"));
	cr_expect(takes_broker("amqp://u:p@127.0.0.1:5672/byoc"));
	cr_expect(takes_broker("amqp://u:p@[::1]:5672/byoc"));
	cr_expect(takes_broker("amqps://u:p@mq.x/byoc"));
	cr_expect_not(takes_broker("amqp://u:p@mq.x/byoc"));
	cr_expect_not(takes_broker("amqp://localhost:p@mq.x/byoc"));
	cr_expect_not(takes_broker("amqp://u:127.0.0.1@mq.x/byoc"));
	cr_expect_not(takes_broker("amqp://mq.x"));
}

Test(transport, what_is_said_shows_no_value)
{
	char *said = complaints(
		"postgresql://u:sesame@db.x/byoc", "amqp://u:sesame@mq.x/byoc");

	cr_assert(said);
	cr_expect(strstr(said, "BYOC_DATABASE_URL: ") == said);
	cr_expect(strstr(said, "\nBYOC_AMQP_URL: "));
	cr_expect_not(strstr(said, "sesame"));
	free(said);
}

/* Whoever opens the door says so, once. */
Test(transport, what_cannot_be_read_is_not_judged)
{
	cr_expect(takes_database("x:y"));
	cr_expect(takes_broker("http://mq.x"));
	cr_expect_null(complaints(NULL, NULL));
}
