/*
 * hcloud-sim: a Hetzner Cloud that fits into one process. Settings come from
 * the command line; state lives in memory and ends with the process.
 */
#include "../kube/kube.h"
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
	{"clusters", 'k', "HOST", OPTION_ARG_OPTIONAL,
		"Serve the Kubernetes API of the clusters that servers make; "
		"balancers get addresses of loopback, or all the HOST's one "
		"(for one cluster at a time, seen from other machines)",
		0},
	{"record", 'r', "FILE", 0,
		"Append each exchange to the file, one JSON object per line",
		0},
	{"certificate", 'c', "FILE", 0,
		"Speak TLS with this certificate (PEM), and --key", 0},
	{"key", 'K', "FILE", 0, "The certificate's key (PEM)", 0},
	{0},
};

struct settings {
	struct sockaddr_in where;
	struct world *world;
	char *certificate; /* the text of the file; NULL: no TLS */
	char *key;
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

static char *read_text(struct argp_state *state, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file || getdelim(&text, &size, '\0', file) < 0)
		argp_failure(state, 1, errno, "%s", path);
	fclose(file);
	return text;
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
	case 'k':
		if (!world->kube)
			world->kube = kube_new(world);
		if (text && !kube_stay_at(world->kube, text))
			argp_error(state, "not an IPv4 address: %s", text);
		return 0;
	case 'r':
		world->record = open_record(state, text);
		return 0;
	case 'c':
		settings->certificate = read_text(state, text);
		return 0;
	case 'K':
		settings->key = read_text(state, text);
		return 0;
	case ARGP_KEY_END:
		if (!settings->certificate != !settings->key)
			argp_error(
				state, "--certificate and --key go together");
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

/* The shorter of two waits; -1 is for ever. */
static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void run(struct http *http, struct kube *kube, int signals)
{
	struct pollfd wait[] = {{.fd = http_fd(http), .events = POLLIN},
		{.fd = signals, .events = POLLIN},
		{.fd = kube ? kube_fd(kube) : -1, .events = POLLIN}};

	while (!wait[1].revents) {
		int timeout_ms = http_timeout_ms(http);

		if (kube)
			timeout_ms = sooner(timeout_ms, kube_timeout_ms(kube));
		poll(wait, COUNT(wait), timeout_ms);
		http_turn(http);
		if (kube)
			kube_turn(kube);
	}
}

static void announce(const struct http *http, const struct settings *settings)
{
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &settings->where.sin_addr, address, sizeof address);
	printf("hcloud-sim: listening on http%s://%s:%u/v1\n",
		settings->key ? "s" : "", address, http_port(http));
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
	const struct http_tls tls = {settings.certificate, settings.key};
	http = http_start(&world, &settings.where, &tls);
	if (http) {
		announce(http, &settings);
		run(http, world.kube, signals);
		http_stop(http);
	} else {
		fprintf(stderr, "hcloud-sim: cannot listen there\n");
	}
	close(signals);
	free(settings.certificate);
	free(settings.key);
	world_clear(&world);
	return http ? 0 : 1;
}
