/*
 * Kubeconfigs for who asks by a job: what they are minted from is loaded, they
 * are sealed to the recipient that came with the credential, and the answer is
 * told by an event. The job cannot choose who reads it: who may only ask for
 * jobs gets into no cluster. Hetzner is not asked. Nothing has to be leased:
 * the answer is one transaction, and a job that comes again finds its event
 * there.
 */
#include "kubeconfig.h"

#include "batch.h"
#include "meters.h"
#include "parcel.h"

#include <byoc/clock.h>
#include <byoc/cluster_keys.h>
#include <byoc/log.h>
#include <byoc/recipient.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	KEY_WAIT_MS = 5 * 1000,
	MINTED_MOST = 8, /* in one tick: each takes a while */
};

/* The authorities go no further than this. */
static bool mint(const struct worker *worker,
	const struct kubeconfig *kubeconfig, int64_t now_unix,
	struct secret *plain, struct err *err)
{
	const struct job *job = kubeconfig->job;
	struct secret authorities = {0};
	char context[SEAL_CONTEXT_SIZE];
	char server[16 + ADDRESS_SIZE];

	seal_context(context, "cluster", job->subject, "authorities");
	snprintf(server, sizeof server, "https://%s:%d", kubeconfig->address,
		API_PORT);
	bool ok = unseal_own(worker->keyring, context,
			  kubeconfig->sealed_authorities, &authorities, err) &&
		  kubeconfig_mint(&authorities, kubeconfig->cluster_name,
			  server, "byoc-dashboard", now_unix, job->lifetime_s,
			  plain, err);
	secret_clear(&authorities);
	return ok;
}

static bool may_be_minted(const struct kubeconfig *kubeconfig, struct err *err)
{
	int lifetime_s = kubeconfig->job->lifetime_s;

	if (!kubeconfig->recipient_key)
		return err_set(err, ERR_REFUSED, "no_recipient",
			"The credential of this cluster names nobody whom "
			"kubeconfigs may be sealed to. An operator can set "
			"one: byoc credential recipient CREDENTIAL FILE.");
	return (lifetime_s >= KUBECONFIG_LIFETIME_LEAST_S &&
		       lifetime_s <= KUBECONFIG_LIFETIME_MOST_S) ||
	       err_set(err, ERR_REFUSED, "bad_lifetime",
		       "A kubeconfig is good for %d to %d seconds, not for %d: "
		       "ask for one with another lifetime_s.",
		       KUBECONFIG_LIFETIME_LEAST_S, KUBECONFIG_LIFETIME_MOST_S,
		       lifetime_s);
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
	bool ok = may_be_minted(kubeconfig, err) &&
		  mint(worker, kubeconfig, now_unix, &plain, err) &&
		  seal_to(kubeconfig->recipient_key, &plain, &sealed, err);
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
static void wait_for_key(struct worker *worker, struct flight *flight)
{
	meters_job(worker, flight, "retry");
	log_event(LOG_WARN, "job.retry", log_text("job", flight->job.id),
		log_text("cluster", flight->job.subject), LOG_ERR(&flight->err),
		LOG_END);
	parcel_come_back(worker, flight, KEY_WAIT_MS);
}

/* False: the flight is not to be answered now. */
static bool prepare_answer(struct worker *worker, struct flight *flight)
{
	struct kubeconfig *kubeconfig = flight->kubeconfig;

	err_clear(&flight->err);
	if (!kubeconfig->known) {
		parcel_unknown_record(worker, flight);
		return false;
	}
	if (mint_sealed(worker, kubeconfig, flight->arena, &flight->err))
		return true;
	if (flight->err.kind == ERR_RETRY) {
		wait_for_key(worker, flight);
		return false;
	}
	kubeconfig->refusal = &flight->err;
	return true;
}

static struct kubeconfig *list(const struct batch *batch, struct arena *arena)
{
	struct kubeconfig *kubeconfigs =
		arena_take(arena, batch->in_air.count * sizeof *kubeconfigs);
	size_t count = 0;

	for (struct flight *f = batch->in_air.first; f; f = f->next)
		kubeconfigs[count++] =
			f->kubeconfig ? *f->kubeconfig
				      : (struct kubeconfig){.job = &f->job};
	return kubeconfigs;
}

/* Keeps the flights that are to be answered. */
static void mint_all(
	struct worker *worker, struct batch *batch, struct arena *arena)
{
	size_t count = batch->in_air.count;
	struct kubeconfig *loaded = list(batch, arena);
	struct flights kept = {0};

	store_read_kubeconfigs(batch->transaction, loaded, count, arena);
	for (size_t i = 0; i < count; i++) {
		struct flight *flight = flights_take(&batch->in_air);

		flight->kubeconfig =
			arena_take(flight->arena, sizeof *flight->kubeconfig);
		*flight->kubeconfig = loaded[i];
		/* Of what was loaded, this is needed after the batch. */
		flight->kubeconfig->recipient_key =
			arena_copy_text(flight->arena, loaded[i].recipient_key);
		if (prepare_answer(worker, flight))
			flights_add(&kept, flight);
	}
	batch->in_air = kept;
}

static void report(struct worker *worker, struct flight *flight)
{
	const struct kubeconfig *kubeconfig = flight->kubeconfig;
	const struct err *refusal = kubeconfig->refusal;

	meters_job(worker, flight, "done");
	if (kubeconfig->sealed)
		log_event(LOG_INFO, "kubeconfig.sealed",
			log_text("job", kubeconfig->job->id),
			log_text("cluster", kubeconfig->job->subject),
			log_text("recipient_key", kubeconfig->recipient_key),
			LOG_END);
	else
		log_event(LOG_INFO, "kubeconfig.refused",
			log_text("job", kubeconfig->job->id),
			log_text("cluster", kubeconfig->job->subject),
			log_text("code", refusal ? refusal->code : "not_ready"),
			LOG_END);
}

static void take_stored(struct worker *worker, struct batch *batch)
{
	struct flights answered = {0};

	batch_take_stored(worker, batch, &answered);
	for (struct flight *f = answered.first; f; f = f->next)
		report(worker, f);
	parcel_rows(worker, batch->transaction, &answered);
}

/* The first answer leads to the second transaction. */
static void take_answer(struct worker *worker, struct batch *batch)
{
	struct arena *arena = arena_new();
	bool loaded = !batch->in_air.first->kubeconfig;

	if (loaded)
		mint_all(worker, batch, arena);
	else
		take_stored(worker, batch);
	batch_end(batch);
	if (batch->in_air.count && worker_has_store(worker))
		batch->transaction = store_send_answers(
			worker->store, list(batch, arena), batch->in_air.count);
	else
		flights_move(&batch->waiting, &batch->in_air);
	arena_free(arena);
}

void kubeconfig(struct worker *worker)
{
	struct batch *batch = &worker->kubeconfigs;

	if (batch_is_answered(worker, batch))
		take_answer(worker, batch);
	if (!batch_load(worker, batch, MINTED_MOST))
		return;
	struct arena *arena = arena_new();
	for (struct flight *f = batch->in_air.first; f; f = f->next)
		f->kubeconfig = NULL;
	batch->transaction = store_send_kubeconfigs(
		worker->store, list(batch, arena), batch->in_air.count);
	arena_free(arena);
}
