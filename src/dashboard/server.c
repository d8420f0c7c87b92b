/*
 * The page over HTTP. Whoever asks has to have come by the login token, to call
 * this address by its own name, and for every change to know a word that
 * another site's page cannot read. One thread of libmicrohttpd
 * answers all; a slow database makes the page slow and harms nothing else.
 */
#include "api.h"
#include "events.h"
#include "link.h"
#include "reply.h"
#include "session.h"

#include <byoc/dashboard.h>
#include <byoc/json.h>
#include <byoc/listen.h>
#include <byoc/memory.h>
#include <json-c/json.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MOST = 16 * 1024, CONNECTIONS_MOST = 64, IDLE_SECONDS = 30 };

extern const char page_index[], page_draw[], page_base[], page_cards[],
	page_dialogs[], page_app[], page_style[];
extern const size_t page_index_size, page_draw_size, page_base_size,
	page_cards_size, page_dialogs_size, page_app_size, page_style_size;

struct dashboard {
	struct api *api;
	struct events *events;
	struct session session;
	struct MHD_Daemon *daemon;
};

/* The body of a request, as it comes. It may be a token. */
struct request {
	struct secret body;
	size_t size;
	bool too_long;
};

static const char script[] = "text/javascript; charset=utf-8";

static const struct {
	const char *path, *type, *text;
	const size_t *size;
} files[] = {
	{"/", "text/html; charset=utf-8", page_index, &page_index_size},
	{"/draw.js", script, page_draw, &page_draw_size},
	{"/base.js", script, page_base, &page_base_size},
	{"/cards.js", script, page_cards, &page_cards_size},
	{"/dialogs.js", script, page_dialogs, &page_dialogs_size},
	{"/app.js", script, page_app, &page_app_size},
	{"/style.css", "text/css; charset=utf-8", page_style, &page_style_size},
};

static const struct {
	const char *path;
	struct json_object *(*run)(
		struct api *api, struct json_object *body, struct err *err);
} changes[] = {
	{"/api/cost", api_cost},
	{"/api/create", api_create},
	{"/api/delete", api_delete},
	{"/api/retry", api_retry},
	{"/api/repair", api_repair},
	{"/api/receipt", api_receipt},
	{"/api/plan", api_plan},
	{"/api/audit", api_audit},
	{"/api/kubeconfig", api_kubeconfig},
	{"/api/answer", api_answer},
};

/* Whose body is a token, and nothing else. */
static const struct {
	const char *path, *argument;
	struct json_object *(*run)(struct api *api, const char *argument,
		const struct secret *token, struct err *err);
} tokens[] = {
	{"/api/credential", "name", api_add_credential},
	{"/api/token", "id", api_rotate_credential},
};

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool logged_in(
	const struct dashboard *dashboard, struct MHD_Connection *connection)
{
	return session_is(dashboard->session.cookie,
		MHD_lookup_connection_value(
			connection, MHD_COOKIE_KIND, "byoc_session"));
}

/* The token leaves the address bar, and with it the browser's history. */
static enum MHD_Result log_in(
	struct dashboard *dashboard, struct MHD_Connection *connection)
{
	char cookie[160];

	snprintf(cookie, sizeof cookie,
		"byoc_session=%s; Path=/; HttpOnly; SameSite=Strict",
		dashboard->session.cookie);
	struct MHD_Response *response = MHD_create_response_from_buffer(
		0, NULL, MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	if (MHD_add_response_header(response, "Location", "/") == MHD_NO ||
		MHD_add_response_header(response, "Set-Cookie", cookie) ==
			MHD_NO) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	return reply_send(connection, MHD_HTTP_SEE_OTHER, NULL, response);
}

static enum MHD_Result stream(
	struct dashboard *dashboard, struct MHD_Connection *connection)
{
	struct MHD_Response *response =
		events_join(dashboard->events, connection);

	if (!response)
		return reply_refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			"tabs",
			"The page is open in too many tabs: close some.");
	return reply_send(
		connection, MHD_HTTP_OK, "text/event-stream", response);
}

static enum MHD_Result get(struct dashboard *dashboard,
	struct MHD_Connection *connection, const char *path)
{
	struct err err = {0};

	for (size_t i = 0; i < COUNT(files); i++)
		if (strcmp(path, files[i].path) == 0)
			return reply_text(connection, MHD_HTTP_OK,
				files[i].type, files[i].text, *files[i].size);
	if (strcmp(path, "/api/session") == 0) {
		struct json_object *session = json_new();
		json_add_text(session, "csrf", dashboard->session.csrf);
		return reply_json(connection, MHD_HTTP_OK, session);
	}
	if (strcmp(path, "/api/events") == 0)
		return stream(dashboard, connection);
	if (strcmp(path, "/api/overview") == 0)
		return reply_answer(
			connection, api_overview(dashboard->api, &err), &err);
	return reply_refuse(connection, MHD_HTTP_NOT_FOUND, "not_found",
		"There is nothing at this address.");
}

static void wipe_secret(void *context)
{
	struct secret *secret = context;

	secret_clear(secret);
	free(secret);
}

/* Sent out of locked memory; takes the secret over. */
static enum MHD_Result send_secret(
	struct MHD_Connection *connection, const struct secret *secret)
{
	struct secret *kept = memory_new(sizeof *kept);

	*kept = *secret;
	struct MHD_Response *response =
		MHD_create_response_from_buffer_with_free_callback_cls(
			kept->size, kept->bytes, wipe_secret, kept);
	if (!response) {
		wipe_secret(kept);
		return MHD_NO;
	}
	return reply_send(
		connection, MHD_HTTP_OK, "application/yaml", response);
}

static enum MHD_Result post_open(struct dashboard *dashboard,
	struct MHD_Connection *connection, struct json_object *body,
	struct err *err)
{
	struct secret kubeconfig = {0};

	if (body && api_open_kubeconfig(dashboard->api, body, &kubeconfig, err))
		return send_secret(connection, &kubeconfig);
	return reply_answer(connection, NULL, err);
}

static enum MHD_Result post_json(struct dashboard *dashboard,
	struct MHD_Connection *connection, const char *path,
	const struct request *request)
{
	struct err err = {0};
	enum MHD_Result result = MHD_NO;
	struct json_object *body =
		json_parse(request->body.bytes, request->size, &err);
	size_t i = 0;

	while (i < COUNT(changes) && strcmp(path, changes[i].path) != 0)
		i++;
	if (i < COUNT(changes))
		result = reply_answer(connection,
			body ? changes[i].run(dashboard->api, body, &err)
			     : NULL,
			&err);
	else if (strcmp(path, "/api/open") == 0)
		result = post_open(dashboard, connection, body, &err);
	else
		result = reply_refuse(connection, MHD_HTTP_NOT_FOUND,
			"not_found", "There is nothing at this address.");
	json_free(body);
	return result;
}

/* A token that was piped here ends with its line. */
static const struct secret *whole_body(struct request *request)
{
	size_t size = request->size;

	while (size > 0 && strchr("\r\n", request->body.bytes[size - 1]))
		size--;
	secret_shorten(&request->body, size);
	return &request->body;
}

static enum MHD_Result post(struct dashboard *dashboard,
	struct MHD_Connection *connection, const char *path,
	struct request *request)
{
	struct err err = {0};

	if (request->too_long)
		return reply_refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE,
			"too_long", "The request is too long.");
	for (size_t i = 0; i < COUNT(tokens); i++) {
		if (strcmp(path, tokens[i].path) != 0)
			continue;
		return reply_answer(connection,
			tokens[i].run(dashboard->api,
				MHD_lookup_connection_value(connection,
					MHD_GET_ARGUMENT_KIND,
					tokens[i].argument),
				whole_body(request), &err),
			&err);
	}
	return post_json(dashboard, connection, path, request);
}

/* What libmicrohttpd holds of it is wiped as well. */
static void take_body(struct request *request, const char *part, size_t size)
{
	if (size > request->body.size - request->size) {
		request->too_long = true;
	} else {
		memcpy(request->body.bytes + request->size, part, size);
		request->size += size;
	}
	sodium_memzero((void *)part, size);
}

static enum MHD_Result serve(struct dashboard *dashboard,
	struct MHD_Connection *connection, const char *path, const char *method,
	struct request *request)
{
	bool is_get = strcmp(method, "GET") == 0;

	if (!session_host_fits(&dashboard->session, header(connection, "Host")))
		return reply_refuse(connection, MHD_HTTP_FORBIDDEN,
			"wrong_host",
			"Open the page by the address that `byoc dashboard` "
			"printed.");
	if (is_get && strcmp(path, "/") == 0 &&
		session_login(&dashboard->session,
			MHD_lookup_connection_value(
				connection, MHD_GET_ARGUMENT_KIND, "token")))
		return log_in(dashboard, connection);
	if (!logged_in(dashboard, connection))
		return reply_refuse(connection, MHD_HTTP_UNAUTHORIZED, "log_in",
			"Open the address that `byoc dashboard` printed; it "
			"is good for once. Start it again for another.");
	if (is_get)
		return get(dashboard, connection, path);
	if (strcmp(method, "POST") != 0)
		return reply_refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
			"method", "There are GET and POST here.");
	if (!session_is(
		    dashboard->session.csrf, header(connection, "X-BYOC-CSRF")))
		return reply_refuse(connection, MHD_HTTP_FORBIDDEN, "csrf",
			"The page is of an earlier start: reload it.");
	return post(dashboard, connection, path, request);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection,
	const char *path, const char *method, const char *version,
	const char *upload, size_t *upload_size, void **state)
{
	struct request *request = *state;

	(void)version;
	if (!request) {
		request = memory_new(sizeof *request);
		if (strcmp(method, "POST") == 0)
			secret_init(&request->body, BODY_MOST);
		*state = request;
		return MHD_YES;
	}
	if (*upload_size > 0) {
		take_body(request, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	return serve(context, connection, path, method, request);
}

static void forget(void *context, struct MHD_Connection *connection,
	void **state, enum MHD_RequestTerminationCode code)
{
	struct request *request = *state;

	(void)context, (void)connection, (void)code;
	if (!request)
		return;
	secret_clear(&request->body);
	free(request);
	*state = NULL;
}

static bool start(struct dashboard *dashboard,
	const struct sockaddr_storage *address, const char *listen,
	struct err *err)
{
	unsigned flags =
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME;

	if (address->ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	dashboard->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle,
		dashboard, MHD_OPTION_SOCK_ADDR, address,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MOST,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
		MHD_OPTION_NOTIFY_COMPLETED, forget, NULL, MHD_OPTION_END);
	if (!dashboard->daemon)
		return err_set(err, ERR_REFUSED, "cannot_listen",
			"%s is not free: choose another with --listen", listen);
	if (!listen_is_loopback(address))
		fprintf(stderr,
			"byoc: %s can be reached from other machines, and the "
			"page speaks plain HTTP: whoever is between reads "
			"along. Put TLS in front of it, or publish it to this "
			"machine alone.\n",
			listen);
	return true;
}

bool dashboard_run(const struct settings *settings,
	const struct dashboard_options *options, struct err *err)
{
	const char *listen = options->listen;
	struct dashboard dashboard = {0};
	struct sockaddr_storage address;
	sigset_t ends;

	if (!listen_read(listen, &address) || listen_port(&address) == 0)
		return err_set(err, ERR_BAD_INPUT, "bad_listen",
			"--listen: want ADDRESS:PORT, such as 127.0.0.1:9480");

	/* Before there is a thread: it takes the mask over. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &ends, NULL) || sodium_init() < 0)
		return err_set(err, ERR_BUG, "cannot_start",
			"this system refuses what the dashboard needs");
	session_begin(&dashboard.session, listen, listen_port(&address),
		options->host);
	dashboard.events = events_new();
	dashboard.api = api_open(settings, options->recipient_file, err);
	bool ok = dashboard.api && start(&dashboard, &address, listen, err);
	if (ok) {
		printf("http://%s/?token=%s\n", dashboard.session.host,
			dashboard.session.login);
		fflush(stdout);
		link_run(settings, dashboard.events);
		events_end(dashboard.events);
		MHD_stop_daemon(dashboard.daemon);
	}
	api_free(dashboard.api);
	events_free(dashboard.events);
	sodium_memzero(&dashboard.session, sizeof dashboard.session);
	return ok;
}
