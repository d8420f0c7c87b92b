/*
 * Kubeconfigs for who asks by a job: minted from the cluster's authorities,
 * sealed to the public key in the job, told by an event. Hetzner is not asked.
 * Nothing has to be leased: the answer is one transaction, and a job that comes
 * again finds its event there.
 */
#include "worker.h"

#include <byoc/clock.h>
#include <byoc/cluster_keys.h>
#include <byoc/log.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEY_WAIT_MS = 5 * 1000 };

/* The authorities go no further than this. */
static bool mint(const struct worker *worker,
	const struct kubeconfig *kubeconfig, int64_t now_unix,
	struct secret *plain, struct err *err)
{
	const struct job *job = kubeconfig->job;
	struct secret authorities = {0};
	char context[64];
	char server[16 + ADDRESS_SIZE];

	snprintf(context, sizeof context, "cluster:%s:authorities",
		job->subject);
	snprintf(server, sizeof server, "https://%s:6443", kubeconfig->address);
	bool ok = unseal(worker->keyring, context,
			  kubeconfig->sealed_authorities, &authorities, err) &&
		  kubeconfig_mint(&authorities, kubeconfig->cluster_name,
			  server, "byoc-dashboard", now_unix, job->lifetime_s,
			  plain, err);
	secret_clear(&authorities);
	return ok;
}

/* A cluster that has not all it takes is left without. */
static bool mint_sealed(const struct worker *worker,
	struct kubeconfig *kubeconfig, struct arena *arena, struct err *err)
{
	int64_t now_unix = clock_unix_ms() / 1000;
	struct secret plain = {0};
	char *sealed = NULL;

	if (!kubeconfig->sealed_authorities || !kubeconfig->address)
		return true;
	bool ok = mint(worker, kubeconfig, now_unix, &plain, err) &&
		  seal_to(kubeconfig->job->public_key, &plain, &sealed, err);
	secret_clear(&plain);
	if (!ok)
		return false;
	kubeconfig->sealed = arena_copy_text(arena, sealed);
	free(sealed);
	clock_rfc3339((now_unix + kubeconfig->job->lifetime_s) * 1000,
		kubeconfig->expires_at, sizeof kubeconfig->expires_at);
	return true;
}

/* Another worker may have the key that this one lacks. */
static void give_up(
	struct worker *worker, struct flight *flight, const struct err *err)
{
	int actual_ms;

	if (err->kind != ERR_RETRY) {
		intake_dead_letter(worker, flight, err);
		return;
	}
	worker_count(worker, COUNT_RETRY);
	log_event(LOG_WARN, "job.retry", log_text("job", flight->job.id),
		log_text("cluster", flight->job.subject), LOG_ERR(err),
		LOG_END);
	publish_forward(worker, flight,
		broker_wait_queue(KEY_WAIT_MS, &actual_ms), NULL);
}

/* Keeps those that are to be answered, in `flights` and in front of the array;
 * returns how many. */
static size_t mint_all(struct worker *worker, struct flights *flights,
	struct kubeconfig *kubeconfigs, struct arena *arena)
{
	struct flights kept = {0};
	size_t i = 0;

	for (struct flight *f; (f = flights_take(flights)); i++) {
		struct err err = {0};

		if (!kubeconfigs[i].known) {
			intake_unknown_record(worker, f);
		} else if (!mint_sealed(worker, &kubeconfigs[i], arena, &err)) {
			give_up(worker, f, &err);
		} else {
			kubeconfigs[kept.count] = kubeconfigs[i];
			flights_add(&kept, f);
		}
	}
	*flights = kept;
	return kept.count;
}

static void report(struct worker *worker, const struct kubeconfig *kubeconfig)
{
	worker_count(worker, COUNT_DONE);
	log_event(LOG_INFO,
		kubeconfig->sealed ? "kubeconfig.sealed"
				   : "kubeconfig.not_ready",
		log_text("job", kubeconfig->job->id),
		log_text("cluster", kubeconfig->job->subject),
		log_text("public_key", kubeconfig->job->public_key), LOG_END);
}

void kubeconfig_answer(struct worker *worker, struct flights *flights)
{
	struct outbox written = {.arena = arena_new()};
	struct err err = {0};
	size_t count = 0;

	struct kubeconfig *kubeconfigs =
		arena_take(written.arena, flights->count * sizeof *kubeconfigs);
	for (struct flight *f = flights->first; f; f = f->next)
		kubeconfigs[count++].job = &f->job;
	bool ok = store_load_kubeconfigs(
		worker->store, kubeconfigs, count, written.arena, &err);
	if (ok) {
		count = mint_all(worker, flights, kubeconfigs, written.arena);
		ok = store_answer_kubeconfigs(
			worker->store, kubeconfigs, count, &written, &err);
	}
	if (ok) {
		for (size_t i = 0; i < count; i++)
			report(worker, &kubeconfigs[i]);
		publish_rows(worker, &written, flights);
	} else {
		intake_refused(worker, flights, &err);
	}
	arena_free(written.arena);
}
