/*
 * A Hetzner API that answers at once, for the benchmark of the job cycle: every
 * create call gets its resource, the harmless write of a validation its
 * refusal. It knows nothing and remembers nothing but the last id. Prints its
 * port.
 */
#include <microhttpd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct upload {
	bool nameless; /* {"name":""}: the write that can never succeed */
	bool seen;
};

/* Above what all workers of a run open together. By default the library takes
 * in 1,020, and leaves the next ones waiting without a word. */
enum { CONNECTIONS = 4096 };

static long last_id;

static const struct {
	const char *path, *key;
} kinds[] = {
	{"/v1/ssh_keys", "ssh_key"},
	{"/v1/networks", "network"},
	{"/v1/firewalls", "firewall"},
	{"/v1/placement_groups", "placement_group"},
};

static char nothing[] = "{}";
static char refusal[] =
	"{\"error\":{\"code\":\"invalid_input\",\"message\":\"invalid input\"}}";

static const char *kind_of(const char *path)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(path, kinds[i].path) == 0)
			return kinds[i].key;
	return NULL;
}

static enum MHD_Result respond(
	struct MHD_Connection *connection, unsigned status, char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), text, MHD_RESPMEM_MUST_COPY);

	if (!response)
		return MHD_NO;
	enum MHD_Result result =
		MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection,
	const char *path, const char *method, const char *version,
	const char *data, size_t *size, void **request)
{
	struct upload *upload = *request;
	char text[256];

	(void)context, (void)method, (void)version;
	if (!upload) {
		*request = calloc(1, sizeof *upload);
		return *request ? MHD_YES : MHD_NO;
	}
	if (*size) {
		upload->nameless = !upload->seen && *size < 32 &&
				   memmem(data, *size, "\"\"", 2);
		upload->seen = true;
		*size = 0;
		return MHD_YES;
	}
	const char *kind = kind_of(path);
	if (!kind)
		return respond(connection, 404, nothing);
	if (upload->nameless)
		return respond(connection, 422, refusal);
	snprintf(text, sizeof text,
		"{\"%s\":{\"id\":%ld,\"name\":\"bench\",\"labels\":{},"
		"\"created\":\"2026-01-01T00:00:00+00:00\"}}",
		kind, ++last_id);
	return respond(connection, 201, text);
}

static void forget(void *context, struct MHD_Connection *connection,
	void **request, enum MHD_RequestTerminationCode code)
{
	(void)context, (void)connection, (void)code;
	free(*request);
	*request = NULL;
}

int main(void)
{
	sigset_t end;
	int number;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	sigprocmask(SIG_BLOCK, &end, NULL);
	/* Not by epoll: with many connections at once the library (0.9.75) then
	 * sleeps while there is something to read. */
	struct MHD_Daemon *daemon = MHD_start_daemon(
		MHD_USE_POLL_INTERNAL_THREAD, 0, NULL, NULL, handle, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, forget, NULL,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_END);
	if (!daemon)
		return EXIT_FAILURE;
	printf("%u\n",
		MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	sigwait(&end, &number);
	MHD_stop_daemon(daemon);
	return EXIT_SUCCESS;
}
