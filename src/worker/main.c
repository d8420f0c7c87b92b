/*
 * byoc-worker: reads its settings, protects its memory, and ticks until SIGTERM
 * or SIGINT asks it to finish what it has begun.
 */
#include "worker.h"

#include <argp.h>
#include <byoc/log.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

/* Enough for hundreds of calls a second; with HTTP/2 one would do. */
enum { CONNECTIONS_MOST = 64 };

const char *argp_program_version = "byoc-worker " BYOC_VERSION;

static char *add_settings(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t size = 0;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	FILE *out = open_memstream(&help, &size);
	if (!out)
		return NULL;
	fputs("Settings, from the environment (NAME_FILE: a file that holds "
	      "the value):\n",
		out);
	settings_print(out);
	fclose(out);
	return help;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	(void)text;
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	argp_usage(state);
	return 0;
}

static const struct argp arguments = {
	.parser = parse_option,
	.doc = "Makes and removes Kubernetes clusters in Hetzner Cloud projects: "
	       "takes jobs from RabbitMQ, keeps their state in PostgreSQL."
	       "\v",
	.help_filter = add_settings,
};

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) ||
		signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -1;
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static bool prepare(struct worker *worker, struct err *err)
{
	const struct settings *settings = worker->settings;
	const struct hetzner_client_options options = {
		.endpoint = settings->hcloud_endpoint,
		.ca_file = settings->hcloud_ca_file,
		.timeout_ms = REQUEST_TIMEOUT_MS,
		.max_connections = CONNECTIONS_MOST,
	};

	uuid_make(worker->id);
	worker->signals = open_signals();
	if (worker->signals < 0)
		return err_set(err, ERR_BUG, "no_signals",
			"cannot set up the handling of signals");
	worker->keyring = keyring_load(settings->key_dir, true, err);
	if (!worker->keyring)
		return false;
	worker->client = hetzner_client_new(&options, err);
	if (!worker->client)
		return false;
	worker->metrics = metrics_start(worker, err);
	if (!worker->metrics && err->kind == ERR_RETRY) {
		/* Another worker on this machine has the port: not fatal. */
		log_event(LOG_WARN, "metrics.off", LOG_ERR(err), LOG_END);
		err_clear(err);
	}
	return !err->kind;
}

static void free_flights(struct worker *worker, struct flights *flights)
{
	for (struct flight *f; (f = flights_take(flights));) {
		token_release(worker, f->token);
		flight_free(f);
	}
}

static void clear(struct worker *worker)
{
	metrics_stop(worker->metrics);
	broker_free(worker->broker);
	worker->broker = NULL;
	publish_forget(worker);
	store_free(worker->store);
	hetzner_client_free(worker->client);
	free_flights(worker, &worker->received);
	free_flights(worker, &worker->ready);
	free_flights(worker, &worker->gathered);
	free_flights(worker, &worker->finished);
	token_forget_idle(worker, 0);
	keyring_free(worker->keyring);
	free(worker->tickets);
	free(worker->published);
	if (worker->signals >= 0)
		close(worker->signals);
}

static int run(const struct settings *settings)
{
	struct worker worker = {.settings = settings, .signals = -1};

	if (prepare(&worker, &worker.fatal)) {
		log_event(LOG_INFO, "worker.started",
			log_text("worker", worker.id),
			log_text("version", BYOC_VERSION),
			log_text("endpoint", settings->hcloud_endpoint),
			log_i64("max_in_flight", settings->max_in_flight),
			LOG_END);
		while (!worker_is_done(&worker))
			worker_tick(&worker);
	}
	struct err fatal = worker.fatal;
	size_t unfinished = worker.flight_count;
	clear(&worker);
	if (fatal.kind) {
		log_event(LOG_ERROR, "worker.failed", LOG_ERR(&fatal), LOG_END);
		return EX_CONFIG;
	}
	log_event(LOG_INFO, "worker.stopped",
		log_i64("unfinished", (int64_t)unfinished), LOG_END);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct settings settings;
	char *complaints;

	argp_parse(&arguments, argc, argv, 0, NULL, NULL);
	secret_harden_process();
	bool ok = settings_read(&settings,
		NEED_DATABASE | NEED_BROKER | NEED_KEYS | NEED_HETZNER,
		&complaints);
	log_setup(settings.log_level, settings.log_format);
	if (!ok)
		fprintf(stderr, "byoc-worker: the settings are not right:\n%s",
			complaints);
	int status = ok ? run(&settings) : EX_CONFIG;
	free(complaints);
	settings_clear(&settings);
	return status;
}
