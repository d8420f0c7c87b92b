/*
 * byoc-worker: reads its settings, protects its memory, and ticks until SIGTERM
 * or SIGINT asks it to finish what it has begun.
 */
#include "call.h"
#include "flight.h"
#include "links.h"
#include "memory_lock.h"
#include "meters.h"
#include "metrics.h"
#include "publish.h"
#include "renew.h"
#include "tenant.h"
#include "tick.h"
#include "token.h"
#include "traces.h"
#include "upkeep.h"

#include <argp.h>
#include <byoc/cluster_keys.h>
#include <byoc/log.h>
#include <byoc/transport.h>
#include <byoc_commit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

const char *argp_program_version =
	"byoc-worker " BYOC_VERSION " (" BYOC_COMMIT ")";

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
	if (key == 'h')
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
	else if (key == ARGP_KEY_ARG)
		argp_usage(state);
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

static const struct argp_option flags[] = {
	{.key = 'h', .flags = OPTION_HIDDEN},
	{0},
};

static const struct argp arguments = {
	.options = flags,
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
		.max_connections = settings->max_in_flight,
	};

	if (!memory_lock_suffices(settings->max_in_flight, err))
		return false;
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
	worker->traces = traces_start(worker, err);
	if (err->kind)
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
		flight_end_lease(worker, f);
		flight_free(f);
	}
}

static void free_batch(struct worker *worker, struct batch *batch)
{
	transaction_free(batch->transaction);
	free_flights(worker, &batch->waiting);
	free_flights(worker, &batch->alone);
	free_flights(worker, &batch->later);
	free_flights(worker, &batch->in_air);
}

/* False: a thread is still at a door, with the settings in its hands. */
static bool clear(struct worker *worker)
{
	bool left = links_stop(worker);
	struct flights in_air = {0};

	metrics_stop(worker->metrics);
	hetzner_client_free(worker->client);
	call_stop(worker, &in_air);
	free_flights(worker, &in_air);
	publish_stop(worker);
	upkeep_stop(worker);
	renew_stop(worker);
	free_batch(worker, &worker->starts);
	free_batch(worker, &worker->kubeconfigs);
	for (size_t i = 0; i < LEASE_KIND_COUNT; i++) {
		free_batch(worker, &worker->leases[i]);
		free_batch(worker, &worker->outcomes[i]);
	}
	free_flights(worker, &worker->held);
	free_flights(worker, &worker->ready);
	free_flights(worker, &worker->calling);
	free_flights(worker, &worker->gathered);
	tokens_wipe(worker);
	tenants_free(worker->tenants);
	traces_stop(worker->traces);
	keyring_free(worker->keyring);
	free(worker->published.ids);
	meters_clear(worker->meters);
	if (worker->signals >= 0)
		close(worker->signals);
	return left;
}

/* Many sockets are open at once: as many as the system lets us have. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int run(const struct settings *settings)
{
	struct meter meters[METER_COUNT];
	struct worker worker = {
		.settings = settings, .signals = -1, .meters = meters};

	raise_file_limit();
	meters_init(meters);
	worker.answered.end = &worker.answered.first;
	if (openssl_wipe_memory(&worker.fatal) &&
		prepare(&worker, &worker.fatal)) {
		log_event(LOG_INFO, "worker.started",
			log_text("worker", worker.id),
			log_text("version", BYOC_VERSION),
			log_text("commit", BYOC_COMMIT),
			log_text("endpoint", settings->hcloud_endpoint),
			log_i64("max_in_flight", settings->max_in_flight),
			LOG_END);
		while (!tick_was_last(&worker))
			tick(&worker);
	}
	const struct err fatal = worker.fatal;
	size_t unfinished = worker.flight_count;
	bool left = clear(&worker);
	int status = fatal.kind ? EX_CONFIG : EXIT_SUCCESS;
	if (fatal.kind)
		log_event(LOG_ERROR, "worker.failed", LOG_ERR(&fatal), LOG_END);
	else
		log_event(LOG_INFO, "worker.stopped",
			log_i64("unfinished", (int64_t)unfinished), LOG_END);
	if (!left)
		_exit(status); /* it still reads the settings */
	return status;
}

/*
 * Settings that were read, and do not send secrets over the network in the
 * clear; if that is wanted, it is said at every start.
 */
static bool take_settings(struct settings *settings, char **complaints)
{
	if (!settings_read(settings,
		    NEED_DATABASE | NEED_BROKER | NEED_KEYS | NEED_HETZNER,
		    complaints))
		return false;
	*complaints = transport_complaints(settings);
	return !*complaints || settings->insecure_transport;
}

static void warn_each(char *lines)
{
	for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"))
		log_event(LOG_WARN, "transport.insecure",
			log_text("text", line), LOG_END);
}

int main(int argc, char **argv)
{
	struct settings settings;
	char *complaints;

	argp_parse(&arguments, argc, argv, 0, NULL, NULL);
	secret_harden_process();
	bool ok = take_settings(&settings, &complaints);
	log_setup(settings.log_level, settings.log_format);
	if (!ok)
		fprintf(stderr, "byoc-worker: the settings are not right:\n%s",
			complaints);
	else if (complaints)
		warn_each(complaints);
	int status = ok ? run(&settings) : EX_CONFIG;
	free(complaints);
	settings_clear(&settings);
	return status;
}
