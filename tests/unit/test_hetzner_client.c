/* The client against a small server in a thread of this process. */
#include <byoc/clock.h>
#include <byoc/hetzner_client.h>

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct MHD_Daemon *server;
static struct hetzner_client *client;
static struct arena *arena;
static struct secret token;
static atomic_int served, wrong_token;

enum { ANSWER_MOST = 2 * 1024 * 1024 };

struct upload {
	char bytes[65536];
	size_t size;
};

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status,
	char *text, const char *remaining)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), text, MHD_RESPMEM_MUST_COPY);

	MHD_add_response_header(response, "Content-Type", "application/json");
	MHD_add_response_header(response, "RateLimit-Limit", "3600");
	if (remaining)
		MHD_add_response_header(
			response, "ratelimit-remaining", remaining);
	if (status == 301)
		MHD_add_response_header(response, "Location", "/ok");
	enum MHD_Result result =
		MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
	const char *value =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);

	return value ? value : "";
}

/* {"method": .., "agent": .., "type": .., "length": .., "body": ..} */
static enum MHD_Result echo(struct MHD_Connection *connection,
	const char *method, const struct upload *upload)
{
	struct json_object *said = json_new();

	json_add_text(said, "method", method);
	json_add_text(said, "agent", header(connection, "User-Agent"));
	json_add_text(said, "type", header(connection, "Content-Type"));
	json_add_text(said, "length", header(connection, "Content-Length"));
	json_add_text(said, "body", upload->bytes);
	enum MHD_Result result =
		say(connection, 200, (char *)json_write(said), "3599");
	json_free(said);
	return result;
}

/* "{}" and blanks; of as many bytes. */
static enum MHD_Result say_much(struct MHD_Connection *connection, size_t size)
{
	char *text = memory_new(size + 1);

	memset(text, ' ', size);
	text[0] = '{';
	text[1] = '}';
	enum MHD_Result result = say(connection, 200, text, NULL);
	free(text);
	return result;
}

static enum MHD_Result say_many_headers(struct MHD_Connection *connection)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		2, (char[]){"{}"}, MHD_RESPMEM_MUST_COPY);
	char name[16], value[501];

	memset(value, 'x', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "X-%d", i);
		MHD_add_response_header(response, name, value);
	}
	enum MHD_Result result = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result respond(struct MHD_Connection *connection,
	const char *url, const char *method, struct upload *upload)
{
	atomic_fetch_add(&served, 1);
	if (strcmp(header(connection, "Authorization"), "Bearer tok-en") != 0)
		atomic_fetch_add(&wrong_token, 1);
	if (strcmp(url, "/v1/echo") == 0)
		return echo(connection, method, upload);
	if (strcmp(url, "/v1/late") == 0)
		usleep(700 * 1000);
	if (strcmp(url, "/v1/large") == 0)
		return say_much(connection, ANSWER_MOST);
	if (strcmp(url, "/v1/larger") == 0)
		return say_much(connection, ANSWER_MOST + 1);
	if (strcmp(url, "/v1/headers") == 0)
		return say_many_headers(connection);
	if (strcmp(url, "/v1/drop") == 0)
		return MHD_NO; /* closes the connection */
	if (strcmp(url, "/v1/moved") == 0)
		return say(connection, 301, "", NULL);
	if (strcmp(url, "/v1/busy") == 0)
		return say(connection, 429,
			"{\"error\":{\"code\":\"rate_limit_exceeded\"}}", "0");
	if (strcmp(url, "/v1/html") == 0)
		return say(connection, 502, "<html>", NULL);
	return say(connection, 200, "{\"ok\":true}", "x");
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection,
	const char *url, const char *method, const char *version,
	const char *bytes, size_t *size, void **state)
{
	struct upload *upload = *state;

	(void)context;
	(void)version;
	if (!upload) {
		*state = memory_new(sizeof *upload);
		return MHD_YES;
	}
	if (*size) {
		cr_assert_lt(upload->size + *size, sizeof upload->bytes);
		memcpy(upload->bytes + upload->size, bytes, *size);
		upload->size += *size;
		*size = 0;
		return MHD_YES;
	}
	return respond(connection, url, method, upload);
}

static void finished(void *context, struct MHD_Connection *connection,
	void **state, enum MHD_RequestTerminationCode code)
{
	(void)context;
	(void)connection;
	(void)code;
	free(*state);
}

static unsigned start_server(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	server = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD, 0, NULL, NULL,
		handle, NULL, MHD_OPTION_SOCK_ADDR, &address,
		MHD_OPTION_THREAD_POOL_SIZE, 4u, MHD_OPTION_CONNECTION_LIMIT,
		512u, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(256 * 1024),
		MHD_OPTION_NOTIFY_COMPLETED, finished, NULL, MHD_OPTION_END);
	cr_assert(server);
	return MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static void start_client(const char *endpoint, int timeout_ms)
{
	struct err err = {0};
	const struct hetzner_client_options options = {.endpoint = endpoint,
		.timeout_ms = timeout_ms,
		.max_connections = 64};

	client = hetzner_client_new(&options, &err);
	cr_assert(client, "%s", err.text);
}

static void set_up(void)
{
	char endpoint[64];

	cr_assert_geq(sodium_init(), 0);
	snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/v1",
		start_server());
	start_client(endpoint, 5000);
	arena = arena_new();
	secret_set(&token, "tok-en", 6);
}

static void tear_down(void)
{
	hetzner_client_free(client);
	MHD_stop_daemon(server);
	arena_free(arena);
	secret_clear(&token);
}

TestSuite(hetzner_client, .init = set_up, .fini = tear_down, .timeout = 60);

static void send_get(const char *path, void *tag)
{
	struct request request;

	request_get(&request, arena, "%s", path);
	hetzner_client_send(client, &request, &token, tag);
	request_clear(&request);
}

/* Turns until a reply is there. */
static void *await_reply(struct reply *reply)
{
	void *tag = NULL;
	int64_t until = clock_now_ms() + 20000;

	for (;;) {
		hetzner_client_turn(client);
		if (hetzner_client_next_reply(client, reply, &tag))
			return tag;
		cr_assert_lt(clock_now_ms(), until, "no reply");
		hetzner_client_poll(client, NULL, 0, 1000);
	}
}

static const char *member(const struct reply *reply, const char *key)
{
	struct err err = {0};
	struct json_in in = {reply->body, "answer", &err};
	const char *text = json_text_ref(&in, key);

	cr_assert(text, "%s", err.text);
	return text;
}

Test(hetzner_client, gets)
{
	struct reply reply;

	send_get("/echo?a=b", "tag");
	cr_assert_eq(hetzner_client_in_flight(client), 1);
	cr_assert_str_eq(await_reply(&reply), "tag");
	cr_assert_eq(hetzner_client_in_flight(client), 0);
	cr_assert_eq(reply.class, REPLY_OK);
	cr_assert_eq(reply.status, 200);
	cr_assert_eq(reply.rate_limit, 3600);
	cr_assert_eq(reply.rate_remaining, 3599);
	cr_assert_str_eq(member(&reply, "method"), "GET");
	cr_assert_str_eq(member(&reply, "type"), "");
	cr_assert_eq(strncmp(member(&reply, "agent"), "byoc-worker/", 12), 0);
	cr_assert_eq(atomic_load(&wrong_token), 0);
	reply_clear(&reply);
}

static void send_post(struct json_object *body, const char *user_data)
{
	struct request request;

	request_post(&request, arena, body, "/echo");
	if (user_data)
		secret_set(&request.user_data, user_data, strlen(user_data));
	hetzner_client_send(client, &request, &token, NULL);
	request_clear(&request);
}

/* One handle serves all of them, one after the other. */
Test(hetzner_client, posts_and_deletes)
{
	struct reply reply;
	struct request request;
	struct json_object *body = json_new();

	json_add_text(body, "name", "x");
	send_post(body, "#!/bin/sh\n\"\n");
	await_reply(&reply);
	cr_assert_str_eq(member(&reply, "method"), "POST");
	cr_assert_str_eq(member(&reply, "type"), "application/json");
	cr_assert_str_eq(member(&reply, "body"),
		"{\"name\":\"x\",\"user_data\":\"#!/bin/sh\\n\\\"\\n\"}");
	reply_clear(&reply);

	request_delete(&request, arena, "/echo");
	hetzner_client_send(client, &request, &token, NULL);
	request_clear(&request);
	await_reply(&reply);
	cr_assert_str_eq(member(&reply, "method"), "DELETE");
	cr_assert_str_eq(member(&reply, "body"), "");
	cr_assert_str_eq(member(&reply, "type"), "");
	reply_clear(&reply);

	send_post(NULL, NULL);
	await_reply(&reply);
	cr_assert_str_eq(member(&reply, "method"), "POST");
	cr_assert_str_eq(member(&reply, "type"), "");
	cr_assert_str_eq(member(&reply, "length"), "0");
	reply_clear(&reply);

	send_get("/echo", NULL);
	await_reply(&reply);
	cr_assert_str_eq(member(&reply, "method"), "GET");
	cr_assert_str_eq(member(&reply, "type"), "");
	reply_clear(&reply);
}

Test(hetzner_client, keeps_many_in_the_air)
{
	enum { MANY = 500 };
	static bool seen[MANY];
	struct reply reply;

	for (size_t i = 0; i < MANY; i++)
		send_get("/ok", &seen[i]);
	cr_assert_eq(hetzner_client_in_flight(client), MANY);
	for (size_t i = 0; i < MANY; i++) {
		bool *tag = await_reply(&reply);
		cr_assert_not(*tag);
		*tag = true;
		cr_assert_eq(reply.class, REPLY_OK, "%s", reply.message);
		/* What is no number was not said. */
		cr_assert_eq(reply.rate_remaining, -1);
		reply_clear(&reply);
	}
	cr_assert_eq(hetzner_client_in_flight(client), 0);
	cr_assert_eq(atomic_load(&served), MANY);
	cr_assert_eq(atomic_load(&wrong_token), 0);
}

static void expect_lost(const char *what)
{
	struct reply reply;

	await_reply(&reply);
	cr_assert_eq(reply.class, REPLY_TRANSIENT);
	cr_assert_eq(reply.status, 0);
	cr_assert_str_eq(reply.code, "api_unreachable");
	cr_assert(strstr(reply.message, what), "%s", reply.message);
	reply_clear(&reply);
}

Test(hetzner_client, gives_up_on_what_takes_too_long)
{
	char endpoint[64];
	unsigned port =
		MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port;

	hetzner_client_free(client);
	snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/v1", port);
	start_client(endpoint, 200);
	send_get("/late", NULL);
	expect_lost("did not answer in time");
}

Test(hetzner_client, reads_no_more_than_two_mebibytes)
{
	struct reply reply;

	send_get("/larger", NULL);
	expect_lost("too large");
	send_get("/large", NULL);
	await_reply(&reply);
	cr_assert_eq(reply.class, REPLY_OK, "%s", reply.message);
	reply_clear(&reply);
}

Test(hetzner_client, reads_no_more_than_some_headers)
{
	struct reply reply;

	send_get("/headers", NULL);
	expect_lost("too large");
	send_get("/ok", NULL);
	await_reply(&reply);
	cr_assert_eq(reply.class, REPLY_OK);
	reply_clear(&reply);
}

Test(hetzner_client, survives_a_dropped_connection)
{
	struct reply reply;

	send_get("/drop", NULL);
	expect_lost("");
	send_get("/ok", NULL);
	await_reply(&reply);
	cr_assert_eq(reply.class, REPLY_OK);
	reply_clear(&reply);
}

Test(hetzner_client, survives_nobody_answering)
{
	hetzner_client_free(client);
	start_client("http://127.0.0.1:1/v1", 1000);
	send_get("/ok", NULL);
	expect_lost("nothing answers at http://127.0.0.1:1/v1 (Couldn't "
		    "connect to server). Look whether BYOC_HCLOUD_ENDPOINT "
		    "is right and the way there open");
}

Test(hetzner_client, goes_nowhere_but_by_http)
{
	hetzner_client_free(client);
	start_client("file:///etc", 1000);
	send_get("/passwd", NULL);
	expect_lost("rotocol");
}

Test(hetzner_client, follows_no_redirect)
{
	struct reply reply;

	send_get("/moved", NULL);
	await_reply(&reply);
	cr_assert_eq(reply.status, 301);
	cr_assert_eq(reply.class, REPLY_TRANSIENT);
	reply_clear(&reply);
	cr_assert_eq(atomic_load(&served), 1);
}

Test(hetzner_client, classes_what_comes)
{
	struct reply reply;

	send_get("/busy", NULL);
	await_reply(&reply);
	cr_assert_eq(reply.class, REPLY_RATE_LIMIT);
	cr_assert_eq(reply.rate_remaining, 0);
	reply_clear(&reply);
	send_get("/html", NULL);
	await_reply(&reply);
	cr_assert_eq(reply.class, REPLY_TRANSIENT);
	cr_assert_str_eq(reply.code, "http_502");
	reply_clear(&reply);
}

Test(hetzner_client, a_token_too_long_is_cut_and_no_harm_done)
{
	struct reply reply;
	char text[4096];

	memset(text, 'x', sizeof text);
	secret_clear(&token);
	secret_set(&token, text, sizeof text);
	send_get("/ok", NULL);
	await_reply(&reply);
	cr_assert_eq(reply.class, REPLY_OK);
	reply_clear(&reply);
}

Test(hetzner_client, waits_on_other_sockets_too)
{
	struct pollfd sockets[2];
	int pair[2][2];

	for (int i = 0; i < 2; i++) {
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair[i]), 0);
		sockets[i] =
			(struct pollfd){.fd = pair[i][0], .events = POLLIN};
	}
	int64_t begin = clock_now_ms();
	hetzner_client_poll(client, sockets, 2, 50);
	cr_assert_geq(clock_now_ms() - begin, 45);
	cr_assert_eq(write(pair[1][1], "x", 1), 1);
	begin = clock_now_ms();
	hetzner_client_poll(client, sockets, 2, 5000);
	cr_assert_lt(clock_now_ms() - begin, 2000);
	for (int i = 0; i < 2; i++) {
		close(pair[i][0]);
		close(pair[i][1]);
	}
}

Test(hetzner_client, waits_until_other_sockets_can_be_written_to)
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct pollfd socket = {.fd = pair[0], .events = POLLIN | POLLOUT};
	int64_t begin = clock_now_ms();
	hetzner_client_poll(client, &socket, 1, 5000);
	cr_assert_lt(clock_now_ms() - begin, 2000);
	close(pair[0]);
	close(pair[1]);
}

Test(hetzner_client, can_be_freed_with_requests_in_the_air)
{
	for (int i = 0; i < 100; i++)
		send_get("/late", NULL);
	hetzner_client_turn(client);
	/* Freed by tear_down(). */
}
