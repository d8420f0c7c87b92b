/*
 * The HTTP library serves each cluster by a daemon of its own, driven by the
 * simulation's loop. A request is collected, may have to wait if a decree says
 * so, and is answered.
 */
#include "door.h"
#include "../sim/memory.h"
#include "api.h"
#include "certificate.h"

#include <microhttpd.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64
#define TURNS_AT_ONCE 8
#define FOR_EVER INT64_MAX

struct visit {
	struct visit *next; /* who waits with it */
	struct MHD_Connection *connection;
	struct request request;
	size_t size; /* of request.body */
	int64_t due_ms;
	bool has_waited;
};

struct door {
	struct cluster *cluster;
	struct MHD_Daemon *daemon;
	struct visit *waiting;
};

static struct visit *visit_new(
	struct MHD_Connection *connection, const char *method, const char *url)
{
	struct visit *visit = must_calloc(1, sizeof *visit);
	const union MHD_ConnectionInfo *tls = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	const char *accept = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	const char *limit = MHD_lookup_connection_value(
		connection, MHD_GET_ARGUMENT_KIND, "limit");
	const char *fields = MHD_lookup_connection_value(
		connection, MHD_GET_ARGUMENT_KIND, "fieldSelector");
	const char *after = MHD_lookup_connection_value(
		connection, MHD_GET_ARGUMENT_KIND, "continue");

	visit->connection = connection;
	visit->request = (struct request){
		.visitor = visitor_of(tls->tls_session),
		.method = must_strdup(method),
		.path = must_strdup(url),
		.accept = must_strdup(accept ? accept : ""),
		.limit = limit ? strtoul(limit, NULL, 10) : 0,
		.after = must_strdup(after ? after : ""),
		.fields = must_strdup(fields ? fields : ""),
		.body = must_strdup(""),
	};
	return visit;
}

static void visit_free(struct visit *visit)
{
	free(visit->request.method);
	free(visit->request.path);
	free(visit->request.accept);
	free(visit->request.after);
	free(visit->request.fields);
	free(visit->request.body);
	free(visit);
}

static void collect(struct visit *visit, const char *data, size_t size)
{
	struct request *request = &visit->request;

	request->body = must_realloc(request->body, visit->size + size + 1);
	memcpy(request->body + visit->size, data, size);
	visit->size += size;
	request->body[visit->size] = '\0';
}

static enum MHD_Result send_answer(struct door *door, struct visit *visit)
{
	struct answer answer = api_answer(door->cluster, &visit->request);
	const char *text = json_object_to_json_string_ext(answer.body,
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	json_object_put(answer.body);
	MHD_add_response_header(
		response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	result = MHD_queue_response(visit->connection, answer.status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result proceed(struct door *door, struct visit *visit)
{
	const struct kube *kube = door->cluster->kube;

	if (!kube->api_manner || visit->has_waited)
		return send_answer(door, visit);
	visit->has_waited = true;
	visit->due_ms = strcmp(kube->api_manner, "slow") == 0
				? kube->world->now_ms + kube->api_ms
				: FOR_EVER;
	visit->next = door->waiting;
	door->waiting = visit;
	MHD_suspend_connection(visit->connection);
	return MHD_YES;
}

static enum MHD_Result on_request(void *context,
	struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *data, size_t *length, void **state)
{
	struct visit *visit = *state;

	(void)version;
	if (!visit) {
		*state = visit_new(connection, method, url);
		return MHD_YES;
	}
	if (*length) {
		collect(visit, data, *length);
		*length = 0;
		return MHD_YES;
	}
	return proceed(context, visit);
}

static void on_completed(void *context, struct MHD_Connection *connection,
	void **state, enum MHD_RequestTerminationCode code)
{
	(void)context;
	(void)connection;
	(void)code;
	if (*state)
		visit_free(*state);
	*state = NULL;
}

/* The socket that its address stands for; -1: none. */
static int take_socket(struct cluster *cluster)
{
	struct place *place = cluster_place(cluster);
	int fd = place ? place->socket : -1;

	if (place)
		place->socket = -1;
	return fd;
}

static void watch(struct door *door)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(door->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = door};

	if (epoll_ctl(door->cluster->kube->epoll, EPOLL_CTL_ADD, info->epoll_fd,
		    &event))
		give_up("a cluster's door cannot be watched");
}

struct door *door_open(struct cluster *cluster, const struct intent *intent)
{
	int socket = take_socket(cluster);
	struct server_certificate made = {0};
	struct door *door = NULL;

	if (socket >= 0)
		made = certificate_make(intent);

	if (made.certificate && listen(socket, BACKLOG) == 0) {
		door = must_calloc(1, sizeof *door);
		door->cluster = cluster;
		door->daemon = must_have(MHD_start_daemon(
			MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME,
			0, NULL, NULL, on_request, door,
			MHD_OPTION_LISTEN_SOCKET, socket,
			MHD_OPTION_HTTPS_MEM_CERT, made.certificate,
			MHD_OPTION_HTTPS_MEM_KEY, made.key,
			MHD_OPTION_HTTPS_MEM_TRUST, intent->client_ca,
			MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
			MHD_OPTION_END));
		watch(door);
	}
	if (!door && socket >= 0)
		close(socket);
	certificate_clear(&made);
	return door;
}

static void resume(struct door *door, int64_t until_ms)
{
	struct visit **at = &door->waiting;

	while (*at) {
		struct visit *visit = *at;

		if (visit->due_ms <= until_ms) {
			*at = visit->next;
			MHD_resume_connection(visit->connection);
		} else {
			at = &visit->next;
		}
	}
}

void door_hurry(struct door *door)
{
	resume(door, FOR_EVER);
}

void door_close(struct door *door)
{
	if (!door)
		return;
	door_hurry(door);
	MHD_stop_daemon(door->daemon);
	free(door);
}

int door_timeout_ms(const struct door *door)
{
	MHD_UNSIGNED_LONG_LONG library_ms;
	int64_t now = door->cluster->kube->world->now_ms;
	int64_t due = FOR_EVER;

	if (MHD_get_timeout(door->daemon, &library_ms) == MHD_YES &&
		library_ms == 0)
		return 0;
	for (const struct visit *v = door->waiting; v; v = v->next)
		due = v->due_ms < due ? v->due_ms : due;
	if (due == FOR_EVER)
		return -1;
	return due > now ? (int)(due - now) : 0;
}

void door_turn(struct door *door)
{
	int turns = 0;

	resume(door, door->cluster->kube->world->now_ms);
	do
		MHD_run(door->daemon);
	while (door_timeout_ms(door) == 0 && ++turns < TURNS_AT_ONCE);
}
