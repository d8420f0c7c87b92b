/*
 * Which URLs lead to another machine without TLS that is verified. The judges
 * are libpq and librabbitmq: what they would connect to is what counts, with
 * all that they take from elsewhere. Nothing is opened, and what they have
 * parsed is wiped.
 */
#include <byoc/transport.h>

#include "broker/library.h"

#include <arpa/inet.h>
#include <byoc/memory.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_SIZE = 256 };

static bool is_loopback(const char *host)
{
	struct in_addr four;
	struct in6_addr six;

	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
	if (inet_pton(AF_INET6, host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return strcmp(host, "localhost") == 0;
}

/* ---- Database ---- */

/* To libpq no host, a path and an @name are all sockets of this machine. */
static bool host_is_local(const char *host)
{
	return !*host || strchr("/@", *host) || is_loopback(host);
}

/* A list as libpq has them: with commas between. */
static bool hosts_are_local(const char *hosts)
{
	char host[HOST_SIZE];

	while (true) {
		size_t length = strcspn(hosts, ",");
		if (length >= sizeof host)
			return false;
		memcpy(host, hosts, length);
		host[length] = '\0';
		if (!host_is_local(host))
			return false;
		if (!hosts[length])
			return true;
		hosts += length + 1;
	}
}

static const char *option(const PQconninfoOption *options, const char *name)
{
	for (; options && options->keyword; options++)
		if (strcmp(options->keyword, name) == 0)
			return options->val && *options->val ? options->val
							     : NULL;
	return NULL;
}

/* In the URI, else in what libpq takes from its own environment; or "". */
static const char *either(const PQconninfoOption *given,
	const PQconninfoOption *standard, const char *name)
{
	const char *value = option(given, name);

	if (!value)
		value = option(standard, name);
	return value ? value : "";
}

static void forget(PQconninfoOption *options)
{
	for (PQconninfoOption *o = options; o && o->keyword; o++)
		if (o->val)
			explicit_bzero(o->val, strlen(o->val));
	PQconninfoFree(options);
}

static bool database_is_private(const struct secret *url)
{
	PQconninfoOption *given = PQconninfoParse(url->bytes, NULL);
	/* A service's file comes before the environment, and is read later. */
	bool service = option(given, "service");
	PQconninfoOption *standard = service ? NULL : PQconndefaults();
	/* The address is what is connected to, whatever name comes with it. */
	const char *address = either(given, standard, "hostaddr");
	const char *host = *address ? address : either(given, standard, "host");
	const char *sslmode = either(given, standard, "sslmode");
	bool local = hosts_are_local(host) && (*host || !service);
	bool private = !given || local || strcmp(sslmode, "verify-full") == 0;

	forget(given);
	forget(standard);
	return private;
}

/* ---- Broker ---- */

static bool broker_is_private(const struct secret *url)
{
	struct amqp_connection_info info;
	struct secret copy = {0};

	/* The library writes into what it takes apart. */
	secret_set(&copy, url->bytes, strlen(url->bytes));
	bool private = amqp_parse_url(copy.bytes, &info) != AMQP_STATUS_OK ||
		       info.ssl || is_loopback(info.host);
	secret_clear(&copy);
	return private;
}

char *transport_complaints(const struct settings *settings)
{
	char *complaints = NULL;
	size_t size = 0;
	FILE *said = open_memstream(&complaints, &size);

	if (!said)
		abort();
	if (settings->database_url.bytes &&
		!database_is_private(&settings->database_url))
		fputs("BYOC_DATABASE_URL: off this machine want "
		      "sslmode=verify-full (and sslrootcert=FILE): without, "
		      "passwords and sealed tokens are open to the network; "
		      "BYOC_INSECURE_TRANSPORT=yes takes that\n",
			said);
	if (settings->amqp_url.bytes && !broker_is_private(&settings->amqp_url))
		fputs("BYOC_AMQP_URL: off this machine want amqps:// (and "
		      "BYOC_AMQP_CA_FILE): without, passwords and jobs are "
		      "open to the network; BYOC_INSECURE_TRANSPORT=yes "
		      "takes that\n",
			said);
	if (fclose(said))
		abort();
	if (size == 0) {
		free(complaints);
		complaints = NULL;
	}
	return complaints;
}
