/*
 * How fast the durable job cycle can be on a machine: a loop that waits for
 * each step of a whole batch before it begins the next one. It is a measure,
 * not a worker: no recovery, and whatever is unexpected ends it.
 *
 *   plain-loop AMQP_URL DATABASE_URL [API_URL]      without: makes no API call
 */
#include <byoc/memory.h>

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <curl/curl.h>
#include <json-c/json.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 256, UUID_TEXT = 37, CHANNEL = 1 };
enum { MESSAGES_A_JOB = 3, LIST_SIZE = BATCH * 48 };

struct job {
	char id[UUID_TEXT], cluster[UUID_TEXT];
	int step;
	long hetzner_id;
	char reply[512];
	size_t reply_size;
};

struct loop {
	amqp_connection_state_t consumer, publisher;
	PGconn *database;
	CURLM *multi;
	CURL *calls[BATCH];
	struct curl_slist *headers;
	const char *api;
	struct job jobs[BATCH];
	size_t count;
	uint64_t last_tag, published;
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "plain-loop: %s failed\n", what);
	exit(EXIT_FAILURE);
}

/* ---- RabbitMQ ---- */

static amqp_connection_state_t connect_broker(const char *url)
{
	struct amqp_connection_info info;
	amqp_connection_state_t connection = amqp_new_connection();
	char *copy = memory_copy_text(url);

	amqp_default_connection_info(&info);
	must(amqp_parse_url(copy, &info) == AMQP_STATUS_OK, "reading AMQP_URL");
	amqp_socket_t *socket = amqp_tcp_socket_new(connection);
	must(socket && amqp_socket_open(socket, info.host, info.port) == 0,
		"connecting to RabbitMQ");
	amqp_rpc_reply_t reply = amqp_login(connection, info.vhost, 0, 131072,
		0, AMQP_SASL_METHOD_PLAIN, info.user, info.password);
	must(reply.reply_type == AMQP_RESPONSE_NORMAL, "logging in");
	must(amqp_channel_open(connection, CHANNEL) != NULL, "a channel");
	free(copy);
	return connection;
}

static void decode(struct job *job, amqp_bytes_t body)
{
	struct json_tokener *parser = json_tokener_new();

	must(parser != NULL, "memory");
	struct json_object *root = json_tokener_parse_ex(
		parser, (const char *)body.bytes, (int)body.len);
	must(json_object_is_type(root, json_type_object), "reading a job");
	snprintf(job->id, sizeof job->id, "%s",
		json_object_get_string(json_object_object_get(root, "id")));
	snprintf(job->cluster, sizeof job->cluster, "%s",
		json_object_get_string(
			json_object_object_get(root, "cluster_id")));
	job->step = json_object_get_int(json_object_object_get(root, "step"));
	json_object_put(root);
	json_tokener_free(parser);
}

/* Waits for one job; takes what else has arrived. */
static void receive(struct loop *loop)
{
	struct timeval at_once = {0, 0};

	for (loop->count = 0; loop->count < BATCH; loop->count++) {
		amqp_envelope_t envelope;
		amqp_rpc_reply_t reply = amqp_consume_message(loop->consumer,
			&envelope, loop->count ? &at_once : NULL, 0);

		if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
			reply.library_error == AMQP_STATUS_TIMEOUT)
			break;
		must(reply.reply_type == AMQP_RESPONSE_NORMAL, "receiving");
		decode(&loop->jobs[loop->count], envelope.message.body);
		loop->last_tag = envelope.delivery_tag;
		amqp_destroy_envelope(&envelope);
	}
	amqp_maybe_release_buffers(loop->consumer);
}

static void publish(struct loop *loop, const PGresult *rows)
{
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG |
			  AMQP_BASIC_DELIVERY_MODE_FLAG |
			  AMQP_BASIC_MESSAGE_ID_FLAG,
		.content_type = amqp_cstring_bytes("application/json"),
		.delivery_mode = AMQP_DELIVERY_PERSISTENT};

	for (int row = 0; row < PQntuples(rows); row++) {
		properties.message_id =
			amqp_cstring_bytes(PQgetvalue(rows, row, 3));
		int status = amqp_basic_publish(loop->publisher, CHANNEL,
			amqp_cstring_bytes(PQgetvalue(rows, row, 1)),
			amqp_cstring_bytes(PQgetvalue(rows, row, 2)), false,
			false, &properties,
			amqp_cstring_bytes(PQgetvalue(rows, row, 4)));

		must(status == AMQP_STATUS_OK, "publishing");
	}
}

static uint64_t next_ack(struct loop *loop, bool *multiple)
{
	amqp_frame_t frame;

	must(amqp_simple_wait_frame(loop->publisher, &frame) ==
				AMQP_STATUS_OK &&
			frame.frame_type == AMQP_FRAME_METHOD &&
			frame.payload.method.id == AMQP_BASIC_ACK_METHOD,
		"a confirm");
	const amqp_basic_ack_t *ack = frame.payload.method.decoded;
	*multiple = ack->multiple;
	return ack->delivery_tag;
}

/* Tags grow by one for each message; an ack may stand for all before it. */
static void await_confirms(struct loop *loop, size_t messages)
{
	bool confirmed[BATCH * MESSAGES_A_JOB] = {false};
	size_t left = messages;

	while (left > 0) {
		bool multiple;
		size_t end =
			(size_t)(next_ack(loop, &multiple) - loop->published);

		must(end > 0 && end <= messages, "a confirm's tag");
		for (size_t i = multiple ? 0 : end - 1; i < end; i++) {
			left -= !confirmed[i];
			confirmed[i] = true;
		}
	}
	loop->published += messages;
	amqp_maybe_release_buffers(loop->publisher);
}

static void acknowledge(struct loop *loop)
{
	must(amqp_basic_ack(loop->consumer, CHANNEL, loop->last_tag, true) ==
			AMQP_STATUS_OK,
		"acknowledging");
}

/* ---- PostgreSQL ---- */

enum field { FIELD_CLUSTER, FIELD_STEP, FIELD_JOB, FIELD_HETZNER_ID };

/* One field of all jobs, as a PostgreSQL array. */
static void list(const struct loop *loop, enum field field, char *text)
{
	char *end = text;

	for (size_t i = 0; i < loop->count; i++) {
		const struct job *job = &loop->jobs[i];

		*end++ = i ? ',' : '{';
		switch (field) {
		case FIELD_CLUSTER:
			end += sprintf(end, "%s", job->cluster);
			break;
		case FIELD_STEP:
			end += sprintf(end, "%d", job->step);
			break;
		case FIELD_JOB:
			end += sprintf(end, "%s", job->id);
			break;
		case FIELD_HETZNER_ID:
			end += sprintf(end, "%ld", job->hetzner_id);
			break;
		}
	}
	strcpy(end, "}");
}

static void prepare(PGconn *database, const char *name, const char *sql)
{
	PGresult *result = PQprepare(database, name, sql, 0, NULL);

	must(PQresultStatus(result) == PGRES_COMMAND_OK, name);
	PQclear(result);
}

static PGconn *connect_database(const char *url)
{
	PGconn *database = PQconnectdb(url);

	must(PQstatus(database) == CONNECTION_OK, "connecting to PostgreSQL");
	prepare(database, "lease",
		"SELECT id, exchange, routing_key, message_id, body"
		" FROM plain.lease($1, $2, $3)");
	prepare(database, "commit",
		"SELECT id, exchange, routing_key, message_id, body"
		" FROM plain.commit($1, $2, $3)");
	prepare(database, "sent",
		"DELETE FROM plain.outbox WHERE id = ANY ($1::bigint[])");
	return database;
}

/* A transaction; returns the outbox rows that it wrote. */
static PGresult *store(
	struct loop *loop, const char *statement, enum field last)
{
	static char clusters[LIST_SIZE], steps[LIST_SIZE], third[LIST_SIZE];
	const char *values[] = {clusters, steps, third};

	list(loop, FIELD_CLUSTER, clusters);
	list(loop, FIELD_STEP, steps);
	list(loop, last, third);
	PGresult *rows = PQexecPrepared(
		loop->database, statement, 3, values, NULL, NULL, 0);
	must(PQresultStatus(rows) == PGRES_TUPLES_OK, statement);
	return rows;
}

static char *list_ids(char *end, const PGresult *rows)
{
	for (int row = 0; row < PQntuples(rows); row++)
		end += sprintf(end, "%s,", PQgetvalue(rows, row, 0));
	return end;
}

static void delete_sent(
	struct loop *loop, const PGresult *first, const PGresult *second)
{
	static char ids[LIST_SIZE * MESSAGES_A_JOB] = "{";
	const char *value = ids;
	char *end = list_ids(list_ids(ids + 1, first), second);

	strcpy(end - 1, "}");
	PGresult *result = PQexecPrepared(
		loop->database, "sent", 1, &value, NULL, NULL, 0);
	must(PQresultStatus(result) == PGRES_COMMAND_OK, "sent");
	PQclear(result);
}

/* ---- The API ---- */

static size_t take_reply(char *data, size_t size, size_t count, void *context)
{
	struct job *job = context;
	size_t room = sizeof job->reply - 1 - job->reply_size;
	size_t taken = size * count < room ? size * count : room;

	memcpy(job->reply + job->reply_size, data, taken);
	job->reply_size += taken;
	job->reply[job->reply_size] = '\0';
	return size * count;
}

static void ask(struct loop *loop, size_t i)
{
	static const char *const kinds[] = {
		"ssh_keys", "networks", "firewalls", "placement_groups"};
	struct job *job = &loop->jobs[i];
	char url[256], body[256];

	snprintf(url, sizeof url, "%s/%s", loop->api, kinds[job->step % 4]);
	snprintf(body, sizeof body,
		"{\"name\":\"%s-%d\",\"labels\":{\"mengi.cloud/cluster\":"
		"\"%s\"}}",
		job->cluster, job->step, job->cluster);
	job->reply_size = 0;
	if (!loop->calls[i])
		loop->calls[i] = curl_easy_init();
	CURL *call = loop->calls[i];
	must(call != NULL, "memory");
	curl_easy_setopt(call, CURLOPT_URL, url);
	curl_easy_setopt(call, CURLOPT_COPYPOSTFIELDS, body);
	curl_easy_setopt(call, CURLOPT_HTTPHEADER, loop->headers);
	curl_easy_setopt(call, CURLOPT_WRITEFUNCTION, take_reply);
	curl_easy_setopt(call, CURLOPT_WRITEDATA, job);
	must(curl_multi_add_handle(loop->multi, call) == CURLM_OK, "a call");
}

static void read_reply(struct job *job)
{
	const char *id = strstr(job->reply, "\"id\":");

	must(id && sscanf(id, "\"id\":%ld", &job->hetzner_id) == 1, "a reply");
}

static void call_api(struct loop *loop)
{
	int running = 1;

	for (size_t i = 0; i < loop->count; i++)
		ask(loop, i);
	while (running) {
		must(curl_multi_perform(loop->multi, &running) == CURLM_OK,
			"calling the API");
		if (running)
			curl_multi_poll(loop->multi, NULL, 0, 1000, NULL);
	}
	for (size_t i = 0; i < loop->count; i++) {
		curl_multi_remove_handle(loop->multi, loop->calls[i]);
		read_reply(&loop->jobs[i]);
	}
}

static void make_up_replies(struct loop *loop)
{
	static long last_id;

	for (size_t i = 0; i < loop->count; i++)
		loop->jobs[i].hetzner_id = ++last_id;
}

static void open_api(struct loop *loop)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	loop->multi = curl_multi_init();
	loop->headers = curl_slist_append(NULL, "Authorization: Bearer bench");
	loop->headers = curl_slist_append(
		loop->headers, "Content-Type: application/json");
	must(loop->multi && loop->headers, "memory");
	curl_multi_setopt(loop->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 64L);
	curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, 64L);
}

/* ---- The loop ---- */

static void turn(struct loop *loop)
{
	receive(loop);
	PGresult *started = store(loop, "lease", FIELD_JOB);
	if (loop->api)
		call_api(loop);
	else
		make_up_replies(loop);
	PGresult *done = store(loop, "commit", FIELD_HETZNER_ID);
	publish(loop, started);
	publish(loop, done);
	await_confirms(
		loop, (size_t)PQntuples(started) + (size_t)PQntuples(done));
	delete_sent(loop, started, done);
	acknowledge(loop);
	PQclear(started);
	PQclear(done);
}

int main(int argc, char **argv)
{
	static struct loop loop;

	if (argc < 3) {
		fprintf(stderr, "plain-loop AMQP_URL DATABASE_URL [API_URL]\n");
		return 2;
	}
	loop.api = argv[3];
	loop.consumer = connect_broker(argv[1]);
	loop.publisher = connect_broker(argv[1]);
	loop.database = connect_database(argv[2]);
	open_api(&loop);
	must(amqp_confirm_select(loop.publisher, CHANNEL) != NULL, "confirms");
	must(amqp_basic_qos(loop.consumer, CHANNEL, 0, BATCH, false) != NULL,
		"a prefetch");
	must(amqp_basic_consume(loop.consumer, CHANNEL,
		     amqp_cstring_bytes("plain.jobs"), amqp_empty_bytes, false,
		     false, false, amqp_empty_table) != NULL,
		"consuming");
	for (;;)
		turn(&loop);
}
