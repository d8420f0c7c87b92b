/*
 * hcloud-sim: a Hetzner Cloud that fits into one process. Settings come from
 * the command line; state lives in memory and ends with the process.
 */
#include "http.h"

#include <argp.h>
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

const char *argp_program_version = "hcloud-sim 1";

static const struct argp_option options[] = {
	{"listen", 'l', "ADDR:PORT", 0,
		"Where to listen (default 127.0.0.1:0; 0 picks a free port)",
		0},
	{"token", 't', "TOKEN[@PROJECT][:ro]", 0,
		"A token that is good, for the project named \"default\" "
		"unless another is given; \":ro\" may only read. Repeatable",
		0},
	{"time-scale", 's', "X", 0,
		"How much faster simulated time runs (60: a minute a second)",
		0},
	{"boot-seconds", 'b', "S", 0,
		"Simulated seconds from running to answering (default 60)", 0},
	{"latency-ms", 'm', "N", 0,
		"Real milliseconds each API call takes (default 0)", 0},
	{"record", 'r', "FILE", 0,
		"Append each exchange to the file, one JSON object per line",
		0},
	{0},
};

struct settings {
	struct sockaddr_in where;
	struct world *world;
};

static void parse_listen(
	struct argp_state *state, const char *text, struct sockaddr_in *where)
{
	const char *colon = strrchr(text, ':');
	char address[INET_ADDRSTRLEN] = "";
	char *end = NULL;
	unsigned long port = 65536;

	if (colon && (size_t)(colon - text) < sizeof address) {
		memcpy(address, text, (size_t)(colon - text));
		port = strtoul(colon + 1, &end, 10);
	}
	if (!end || *end || end == colon + 1 || port > 65535 ||
		inet_pton(AF_INET, address, &where->sin_addr) != 1)
		argp_error(state, "not an address and a port: %s", text);
	where->sin_port = htons((uint16_t)port);
}

static double parse_number(
	struct argp_state *state, const char *text, double least)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end || !(number >= least))
		argp_error(state, "not a valid number: %s", text);
	return number;
}

static FILE *open_record(struct argp_state *state, const char *path)
{
	FILE *file = fopen(path, "ae");

	if (!file)
		argp_failure(state, 1, errno, "%s", path);
	return file;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct settings *settings = state->input;
	struct world *world = settings->world;

	switch (key) {
	case 'l':
		parse_listen(state, text, &settings->where);
		return 0;
	case 't':
		token_add_spec(world, text);
		return 0;
	case 's':
		world->time_scale = parse_number(state, text, 0.001);
		return 0;
	case 'b':
		world->boot_seconds = parse_number(state, text, 0);
		return 0;
	case 'm':
		world->latency_ms = (int64_t)parse_number(state, text, 0);
		return 0;
	case 'r':
		world->record = open_record(state, text);
		return 0;
	case ARGP_KEY_ARG:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* SIGTERM and SIGINT as something to read. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void run(struct http *http, int signals)
{
	struct pollfd wait[] = {{.fd = http_fd(http), .events = POLLIN},
		{.fd = signals, .events = POLLIN}};

	while (!wait[1].revents) {
		poll(wait, 2, http_timeout_ms(http));
		http_turn(http);
	}
}

static void announce(const struct http *http, const struct sockaddr_in *where)
{
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &where->sin_addr, address, sizeof address);
	printf("hcloud-sim: listening on http://%s:%u/v1\n", address,
		http_port(http));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {.options = options,
		.parser = parse_option,
		.doc = "A stateful simulation of the Hetzner Cloud API."};
	struct world world;
	struct settings settings = {.world = &world,
		.where = {.sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
	struct http *http;
	int signals;

	world_init(&world);
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	raise_file_limit();
	signals = open_signals();
	http = http_start(&world, &settings.where);
	if (http) {
		announce(http, &settings.where);
		run(http, signals);
		http_stop(http);
	} else {
		fprintf(stderr, "hcloud-sim: cannot listen there\n");
	}
	close(signals);
	world_clear(&world);
	return http ? 0 : 1;
}
