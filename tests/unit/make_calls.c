/*
 * For the integration tests: calls of the client with a token, so that its
 * memory can be looked at.
 *
 *	make_calls ENDPOINT CA_FILE SERVER AUTHORITIES COUNT
 *
 * Reads the token from standard input. Calls ENDPOINT, as Hetzner is called,
 * and then SERVER, a cluster whose AUTHORITIES are in that file, COUNT times
 * each; says "idle", waits for a line, ends the client, says "ended", and waits
 * again.
 */
#include <byoc/clock.h>
#include <byoc/hetzner_client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECRET_MOST = 64 * 1024 };

static struct hetzner_client *client;
static struct arena *arena;
static struct secret token;
static size_t answered;

static void fail(const char *what)
{
	fprintf(stderr, "make_calls: %s\n", what);
	exit(1);
}

static void read_secret(FILE *file, struct secret *secret)
{
	secret_init(secret, SECRET_MOST);
	if (!file)
		fail("no such file");
	ssize_t size = read(fileno(file), secret->bytes, SECRET_MOST);
	if (size <= 0)
		fail("nothing to read");
	secret_shorten(secret, (size_t)size);
}

static void collect(void)
{
	struct reply reply;
	void *tag;

	while (hetzner_client_in_flight(client)) {
		hetzner_client_turn(client);
		while (hetzner_client_next_reply(client, &reply, &tag)) {
			printf("%d %s\n", reply.status, reply.message);
			reply_clear(&reply);
			answered++;
		}
		hetzner_client_poll(client, NULL, 0, 10);
	}
}

/* "<before><token><after>" */
static void around_token(
	const char *before, const char *after, struct secret *out)
{
	size_t head = strlen(before), tail = strlen(after);

	secret_init(out, head + token.size + tail);
	memcpy(out->bytes, before, head);
	memcpy(out->bytes + head, token.bytes, token.size);
	memcpy(out->bytes + head + token.size, after, tail);
}

static void call_hetzner(void)
{
	struct request get, post;

	request_get(&get, arena, "/servers?name=x");
	request_post(&post, arena, json_new(), "/servers");
	around_token("#cloud-config\n# ", "\n", &post.user_data);
	hetzner_client_send(client, &get, &token, NULL);
	hetzner_client_send(client, &post, &token, NULL);
	request_clear(&get);
	request_clear(&post);
}

static void call_cluster(const char *server, const struct secret *authorities)
{
	struct cluster_identity identity = {0};
	struct secret manifest;
	struct request request;
	struct err err = {0};

	if (!cluster_identity_mint(authorities, GROUP_WORKERS, "test",
		    clock_unix_ms() / 1000, 300, &identity, &err))
		fail(err.text);
	around_token("{\"kind\":\"Secret\",\"stringData\":{\"token\":\"",
		"\"}}", &manifest);
	request_apply(&request, arena, server, &manifest, "/secrets/hcloud");
	hetzner_client_send_to_cluster(client, &request, &identity, NULL);
	request_clear(&request);
	cluster_identity_clear(&identity);
}

static void tell_and_wait(const char *word)
{
	char line[8];

	puts(word);
	fflush(stdout);
	(void)!read(STDIN_FILENO, line, sizeof line);
}

int main(int argc, char **argv)
{
	struct secret authorities;
	struct err err = {0};

	if (argc != 6)
		fail("want ENDPOINT CA_FILE SERVER AUTHORITIES COUNT");
	secret_harden_process();
	read_secret(stdin, &token);
	FILE *file = fopen(argv[4], "r");
	read_secret(file, &authorities);
	fclose(file);
	client = hetzner_client_new(
		&(struct hetzner_client_options){.endpoint = argv[1],
			.ca_file = argv[2],
			.timeout_ms = 10000,
			.max_connections = 4},
		&err);
	if (!client)
		fail(err.text);
	arena = arena_new();
	for (int i = 0; i < atoi(argv[5]); i++) {
		call_hetzner();
		call_cluster(argv[3], &authorities);
		if (i % 3 == 0)
			collect();
	}
	collect();
	arena_free(arena);
	secret_clear(&authorities);
	secret_clear(&token);
	printf("%zu answers\n", answered);
	tell_and_wait("idle");
	hetzner_client_free(client);
	tell_and_wait("ended");
	return 0;
}
