/*
 * Opening and closing one connection. The URL holds a password: it is taken
 * apart in a copy in locked memory, which is wiped before anything else goes
 * on, and no error names more of it than host, port, user and vhost.
 */
#include "connection.h"
#include <byoc/clock.h>
#include <byoc/memory.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEARTBEAT_S 30
#define FRAME_SIZE 131072
#define SEND_BUFFER (256 * 1024)
#define CONNECT_MS 5000
#define ANSWER_MS 10000
#define FAREWELL_MS 2000

static bool parse_url(
	struct secret *url, struct amqp_connection_info *info, struct err *err)
{
	if (amqp_parse_url(url->bytes, info) != AMQP_STATUS_OK)
		return err_set(err, ERR_BAD_INPUT, "amqp_url",
			"the broker's URL is not like "
			"amqp://USER:PASSWORD@HOST:PORT/VHOST "
			"(special characters are written %%XX, "
			"the vhost / is %%2f)");
	/* No vhost has an empty name; most people mean the first one. */
	if (!*info->vhost)
		info->vhost = "/";
	return true;
}

/* The library keeps errno to itself: one more try, to learn the reason. */
static int connect_error(const struct addrinfo *address)
{
	int fd = socket(address->ai_family,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t size = sizeof(error);

	if (fd < 0)
		return errno;
	if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
		error = 0;
	else if (errno != EINPROGRESS)
		error = errno;
	else if (poll(&ready, 1, 1000) != 1)
		error = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	close(fd);
	return error;
}

static const char *why_unreachable(const struct amqp_connection_info *info)
{
	struct addrinfo hint = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *addresses = NULL;
	char port[12];
	int error = 0;

	snprintf(port, sizeof(port), "%d", info->port);
	if (getaddrinfo(info->host, port, &hint, &addresses) != 0)
		return "the host name is not known";
	for (struct addrinfo *a = addresses; a && !error; a = a->ai_next)
		error = connect_error(a);
	freeaddrinfo(addresses);
	return error ? strerror(error) : "it broke the connection off";
}

static bool unreachable(struct connection *connection,
	const struct amqp_connection_info *info, int status, struct err *err)
{
	const char *reason = amqp_error_string2(status);

	if (status == AMQP_STATUS_TIMEOUT)
		reason = "no answer";
	else if (status == AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED)
		reason = "the host name is not known";
	else if (status == AMQP_STATUS_SOCKET_ERROR)
		reason = why_unreachable(info);
	else if (info->ssl)
		return tls_failed(connection, status, err);
	return err_set(err, ERR_RETRY, "broker_unreachable",
		"cannot reach the broker at %s: %s", connection->peer, reason);
}

/*
 * Heartbeats only notice a dead peer while reading. For writing the kernel has
 * to: bytes not taken within 15 s, or a host that is gone, end the connection.
 */
static void limit_silence(int fd)
{
	unsigned int unacknowledged_ms = 15000;
	int idle_s = 15;
	int interval_s = 5;
	int probes = 3;

	/* A kernel without one of these still has the heartbeats. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms,
		sizeof(unacknowledged_ms));
	(void)setsockopt(
		fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s,
		sizeof(interval_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* So that the room for what has not left yet does not change by itself. */
static void limit_buffer(int fd)
{
	int size = SEND_BUFFER;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int connection_load(const struct connection *connection)
{
	uint32_t memory[SK_MEMINFO_VARS];
	socklen_t size = sizeof(memory);

	/* A kernel that does not tell: as if all had left. */
	if (getsockopt(amqp_get_sockfd(connection->state), SOL_SOCKET,
		    SO_MEMINFO, memory, &size) != 0 ||
		memory[SK_MEMINFO_SNDBUF] == 0)
		return 0;
	return (int)(memory[SK_MEMINFO_WMEM_QUEUED] * UINT64_C(100) /
		     memory[SK_MEMINFO_SNDBUF]);
}

static struct timeval time_left(int64_t until_ms, int most_ms)
{
	int64_t left_ms = until_ms ? until_ms - clock_now_ms() : most_ms;

	if (left_ms > most_ms)
		left_ms = most_ms;
	if (left_ms < 0)
		left_ms = 0;
	return (struct timeval){
		.tv_sec = left_ms / 1000,
		.tv_usec = left_ms % 1000 * 1000,
	};
}

void connection_limit_answers(struct connection *connection)
{
	struct timeval answer_time =
		time_left(connection->open_by_ms, ANSWER_MS);

	amqp_set_rpc_timeout(connection->state, &answer_time);
}

static bool reach(struct connection *connection,
	const struct amqp_connection_info *info, const char *ca_file,
	struct err *err)
{
	const struct timeval connect_time =
		time_left(connection->open_by_ms, CONNECT_MS);
	amqp_socket_t *socket;

	connection->state = amqp_new_connection();
	if (!connection->state)
		abort();
	if (info->ssl)
		socket = tls_socket_new(connection, info->host, ca_file, err);
	else
		socket = amqp_tcp_socket_new(connection->state);
	if (!socket)
		return err_set(err, ERR_BUG, "amqp_socket", "no socket");

	int status = amqp_socket_open_noblock(
		socket, info->host, info->port, &connect_time);

	if (status != AMQP_STATUS_OK)
		return unreachable(connection, info, status, err);
	limit_silence(amqp_get_sockfd(connection->state));
	limit_buffer(amqp_get_sockfd(connection->state));
	return true;
}

static amqp_table_entry_t text_entry(const char *key, const char *value)
{
	return (amqp_table_entry_t){
		.key = amqp_cstring_bytes(key),
		.value.kind = AMQP_FIELD_KIND_UTF8,
		.value.value.bytes = amqp_cstring_bytes(value),
	};
}

static amqp_table_entry_t true_entry(const char *key)
{
	return (amqp_table_entry_t){
		.key = amqp_cstring_bytes(key),
		.value.kind = AMQP_FIELD_KIND_BOOLEAN,
		.value.value.boolean = true,
	};
}

static bool log_in(struct connection *connection,
	const struct amqp_connection_info *info, const char *name,
	struct err *err)
{
	amqp_table_entry_t abilities[] = {
		true_entry("connection.blocked"),
		true_entry("consumer_cancel_notify"),
		true_entry("publisher_confirms"),
		true_entry("basic.nack"),
	};
	amqp_table_entry_t properties[] = {
		text_entry("connection_name", name),
		text_entry("product", "byoc"),
		{
			.key = amqp_cstring_bytes("capabilities"),
			.value.kind = AMQP_FIELD_KIND_TABLE,
			.value.value.table = {COUNT(abilities), abilities},
		},
	};
	amqp_table_t table = {COUNT(properties), properties};
	struct timeval answer_time =
		time_left(connection->open_by_ms, ANSWER_MS);
	char who[300];

	snprintf(who, sizeof(who), "log in as user '%.80s' on vhost '%.80s'",
		info->user, info->vhost);
	amqp_set_handshake_timeout(connection->state, &answer_time);
	connection_limit_answers(connection);
	return connection_reply(connection,
		amqp_login_with_properties(connection->state, info->vhost, 0,
			FRAME_SIZE, HEARTBEAT_S, &table, AMQP_SASL_METHOD_PLAIN,
			info->user, info->password),
		who, err);
}

static bool open_channel(struct connection *connection, struct err *err)
{
	amqp_channel_open(connection->state, CHANNEL);
	connection->usable =
		connection_agreed(connection, "open a channel", err);
	return connection->usable;
}

struct connection *connection_open(const struct broker_options *options,
	const char *purpose, int64_t open_by_ms, struct err *err)
{
	struct connection *connection = memory_new(sizeof(*connection));
	struct amqp_connection_info info;
	struct secret url = {0};
	char name[128];
	bool opened = false;

	connection->body_limit = MESSAGE_BODY_MAX;
	connection->open_by_ms = open_by_ms;
	secret_set(&url, options->url->bytes, options->url->size);
	snprintf(name, sizeof(name), "%.100s %s",
		options->name ? options->name : "byoc", purpose);
	if (parse_url(&url, &info, err)) {
		snprintf(connection->peer, sizeof(connection->peer),
			"%.255s:%d", info.host, info.port);
		opened = reach(connection, &info, options->ca_file, err) &&
			 log_in(connection, &info, name, err) &&
			 open_channel(connection, err);
	}
	secret_clear(&url);
	if (opened)
		return connection;
	connection_free(connection);
	return NULL;
}

bool connection_reopen_channel(struct connection *connection, struct err *err)
{
	amqp_channel_close_ok_t answer = {0};

	return connection_sent(connection,
		       amqp_send_method(connection->state, CHANNEL,
			       AMQP_CHANNEL_CLOSE_OK_METHOD, &answer),
		       err) &&
	       open_channel(connection, err);
}

void connection_free(struct connection *connection)
{
	if (!connection)
		return;
	amqp_destroy_connection(connection->state);
	letter_free(connection->incoming.letter);
	free(connection);
}

void connection_close(struct connection *connection, int64_t until_ms)
{
	/* A blocked connection is not read from: no answer would come. */
	if (connection && connection->usable && !connection->blocked) {
		struct timeval farewell_time = time_left(until_ms, FAREWELL_MS);

		amqp_set_rpc_timeout(connection->state, &farewell_time);
		amqp_connection_close(connection->state, AMQP_REPLY_SUCCESS);
	}
	connection_free(connection);
}
