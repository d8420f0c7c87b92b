/*
 * The HTTP door. A request is collected, may have to wait, is done, may have
 * to wait again, and is answered. Waiting suspends its connection only; all
 * others go on.
 */
#include "http.h"
#include "call.h"
#include "memory.h"

#include <microhttpd.h>

enum stage { COLLECTING, ARRIVED, DONE };

struct exchange {
	struct exchange *next; /* the next one to be woken */
	struct http *http;
	struct MHD_Connection *connection;
	enum stage stage;
	size_t length; /* of call.text */
	struct call call;
	char *answer;
	int64_t due_ms;
};

struct http {
	struct world *world;
	struct MHD_Daemon *daemon;
	struct exchange *waiting; /* earliest first */
};

/* Several thousand clients at once are welcome. */
#define MOST_CONNECTIONS 8192u

/* Puts it among those that wait, for as long as its call wants to. */
static void enlist(struct exchange *exchange)
{
	struct exchange **at = &exchange->http->waiting;

	exchange->due_ms =
		exchange->http->world->now_ms + exchange->call.delay_ms;
	while (*at && (*at)->due_ms <= exchange->due_ms)
		at = &(*at)->next;
	exchange->next = *at;
	*at = exchange;
}

static enum MHD_Result park(struct exchange *exchange)
{
	enlist(exchange);
	MHD_suspend_connection(exchange->connection);
	return MHD_YES;
}

static enum MHD_Result take_query(void *context, enum MHD_ValueKind kind,
	const char *key, const char *value)
{
	struct json_object *query = context;
	struct json_object *values = json_at(query, key);

	(void)kind;
	if (!values) {
		values = json_object_new_array();
		json_put(query, key, values);
	}
	json_add(values, json_object_new_string(value ? value : ""));
	return MHD_YES;
}

static char *bearer_token(struct MHD_Connection *connection)
{
	static const char scheme[] = "Bearer ";
	const char *header = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);

	if (!header || strncmp(header, scheme, sizeof scheme - 1) != 0)
		return NULL;
	return must_strdup(header + sizeof scheme - 1);
}

/* "/v1/servers" is "/servers"; "/_sim" stays; all else is nowhere. */
static const char *api_path(const char *url)
{
	if (strncmp(url, "/v1/", 4) == 0)
		return url + 3;
	return strncmp(url, "/_sim/", 6) == 0 ? url : "/";
}

static struct exchange *exchange_new(struct http *http,
	struct MHD_Connection *connection, const char *url, const char *method)
{
	struct exchange *exchange = must_calloc(1, sizeof *exchange);
	struct call *call = &exchange->call;

	exchange->http = http;
	exchange->connection = connection;
	call->world = http->world;
	call->method = must_strdup(method);
	call->path = must_strdup(api_path(url));
	call->token = bearer_token(connection);
	call->query = json_object_new_object();
	MHD_get_connection_values(
		connection, MHD_GET_ARGUMENT_KIND, take_query, call->query);
	return exchange;
}

static void exchange_free(struct exchange *exchange)
{
	call_clear(&exchange->call);
	free(exchange->answer);
	free(exchange);
}

static void collect(struct exchange *exchange, const char *data, size_t length)
{
	char **text = &exchange->call.text;

	*text = must_realloc(*text, exchange->length + length + 1);
	memcpy(*text + exchange->length, data, length);
	exchange->length += length;
	(*text)[exchange->length] = '\0';
}

/* The answer as text, at once: the objects in it may change later. */
static char *render(const struct call *call)
{
	if (call->answer_text)
		return must_strdup(call->answer_text);
	if (!call->answer)
		return must_strdup("");
	return must_strdup(json_object_to_json_string_ext(call->answer,
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void add_header(
	struct MHD_Response *response, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)value);
	MHD_add_response_header(response, name, text);
}

static void add_headers(struct MHD_Response *response, const struct call *call)
{
	const struct world *world = call->world;
	const struct bucket *bucket =
		call->project ? &call->project->bucket : &world->stranger;
	int64_t now = (world->now_ms + world->unix_minus_now_ms) / 1000;

	add_header(response, "RateLimit-Limit", (int64_t)bucket->limit);
	add_header(response, "RateLimit-Remaining", (int64_t)bucket->remaining);
	add_header(response, "RateLimit-Reset",
		now + (int64_t)bucket_full_in(bucket));
	if (call->status != 204)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
			call->answer_text ? "text/html" : "application/json");
}

static enum MHD_Result send_answer(struct exchange *exchange)
{
	const struct call *call = &exchange->call;
	struct MHD_Response *response;
	enum MHD_Result result;

	if (call->drop)
		return MHD_NO; /* closes the connection */
	response = MHD_create_response_from_buffer(strlen(exchange->answer),
		exchange->answer, MHD_RESPMEM_MUST_FREE);
	exchange->answer = NULL;
	add_headers(response, call);
	result = MHD_queue_response(
		exchange->connection, call->status, response);
	MHD_destroy_response(response);
	return result;
}

static void perform(struct exchange *exchange)
{
	exchange->stage = DONE;
	call_perform(&exchange->call);
	exchange->answer = render(&exchange->call);
	call_record(&exchange->call);
}

/* Takes the exchange as far as it gets without waiting. */
static enum MHD_Result proceed(struct exchange *exchange)
{
	if (exchange->stage == COLLECTING) {
		exchange->stage = ARRIVED;
		call_arrive(&exchange->call);
		if (exchange->call.delay_ms)
			return park(exchange);
	}
	if (exchange->stage == ARRIVED) {
		perform(exchange);
		if (exchange->call.delay_ms)
			return park(exchange);
	}
	return send_answer(exchange);
}

/*
 * What has waited long enough is done here and not by its connection, which
 * may be gone: what once arrived takes effect.
 */
static void wake(struct http *http)
{
	while (http->waiting && http->waiting->due_ms <= http->world->now_ms) {
		struct exchange *exchange = http->waiting;

		http->waiting = exchange->next;
		if (exchange->stage == ARRIVED) {
			perform(exchange);
			if (exchange->call.delay_ms) {
				enlist(exchange);
				continue;
			}
		}
		MHD_resume_connection(exchange->connection);
	}
}

static void wake_all(struct http *http)
{
	while (http->waiting) {
		struct exchange *exchange = http->waiting;

		http->waiting = exchange->next;
		MHD_resume_connection(exchange->connection);
	}
}

static enum MHD_Result on_request(void *context,
	struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *data, size_t *length, void **state)
{
	struct exchange *exchange = *state;

	(void)version;
	if (!exchange) {
		*state = exchange_new(context, connection, url, method);
		return MHD_YES;
	}
	if (*length) {
		collect(exchange, data, *length);
		*length = 0;
		return MHD_YES;
	}
	return proceed(exchange);
}

static void on_completed(void *context, struct MHD_Connection *connection,
	void **state, enum MHD_RequestTerminationCode code)
{
	(void)context;
	(void)connection;
	(void)code;
	if (*state)
		exchange_free(*state);
	*state = NULL;
}

struct http *http_start(struct world *world, const struct sockaddr_in *where,
	const struct http_tls *tls)
{
	struct http *http = must_calloc(1, sizeof *http);
	const struct MHD_OptionItem secured[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)tls->certificate},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)tls->key},
		{MHD_OPTION_END, 0, NULL},
	};
	const struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};

	http->world = world;
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL |
						MHD_ALLOW_SUSPEND_RESUME |
						(tls->key ? MHD_USE_TLS : 0u),
		ntohs(where->sin_port), NULL, NULL, on_request, http,
		MHD_OPTION_ARRAY, tls->key ? secured : plain,
		MHD_OPTION_SOCK_ADDR, where, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
		MOST_CONNECTIONS, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
		MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024u, MHD_OPTION_END);
	if (http->daemon)
		return http;
	free(http);
	return NULL;
}

uint16_t http_port(const struct http *http)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info->port;
}

int http_fd(const struct http *http)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return info->epoll_fd;
}

int http_timeout_ms(const struct http *http)
{
	MHD_UNSIGNED_LONG_LONG library_ms;

	if (MHD_get_timeout(http->daemon, &library_ms) == MHD_YES &&
		library_ms == 0)
		return 0;
	if (!http->waiting)
		return -1;

	int64_t left = http->waiting->due_ms - http->world->now_ms;

	return left > 0 ? (int)left : 0;
}

void http_turn(struct http *http)
{
	world_turn(http->world);
	wake(http);
	MHD_run(http->daemon);
}

void http_stop(struct http *http)
{
	wake_all(http);
	MHD_stop_daemon(http->daemon);
	free(http);
}
