/*
 * The door to PostgreSQL, as the worker's tick needs it: each call is one
 * transaction for all jobs that stand at one place of the belt. What the
 * statements do is in schema/migrations. Calls block, for ten seconds at most.
 *
 * Failures: ERR_RETRY when the database cannot be reached or asked for a new
 * try: the store is then to be freed and opened anew, nothing was stored, or it
 * was stored and the same call finds that out. ERR_BUG when it refused what it
 * was given: nothing was stored, the store goes on.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/memory.h>
#include <byoc/model.h>
#include <byoc/secret.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;
struct store;

/* Connects. A schema older or newer than `schema_version` is ERR_REFUSED. */
struct store *store_open(
	const struct secret *url, int schema_version, struct err *err);
void store_free(struct store *store); /* takes NULL */

/* ---- Messages to be published ---- */

struct outbox_row {
	int64_t id;
	char *exchange;
	char *routing_key;
	char *message_id;
	char *type;
	char *traceparent; /* NULL: none */
	char *body;
};

/* Rows that this worker is to publish now. */
struct outbox {
	struct outbox_row *rows; /* the arena's */
	size_t count;
	size_t room;
	struct arena *arena; /* whoever uses the outbox gives it one */
};

/* ---- Leases ---- */

enum lease_verdict {
	LEASE_VOID,    /* done already, of an older run, or replaced */
	LEASE_TAKEN,   /* it is ours */
	LEASE_BUSY,    /* another worker has it: come back in wait_ms */
	LEASE_UNKNOWN, /* there is no such record */
};

struct lease {
	enum lease_verdict verdict;
	int wait_ms;
	int64_t token; /* fences: an outcome with an older one is discarded */
	int lease_count;
	int failures;
	char credential_id[UUID_SIZE];
	char *sealed_token; /* texts and arrays are the arena's */

	/* Of a phase only. */
	enum goal goal;
	int64_t age_ms;
	int older_leases;
	struct cluster cluster;
	struct resource *resources;
	size_t resource_count;
};

struct lease_ask {
	const struct job *job; /* a phase or a validation */
	struct arena *arena;   /* for what the lease holds */
	struct lease *lease;   /* filled */
};

bool store_lease(struct store *store, const char *worker, int lease_ms,
	const struct lease_ask *asks, size_t count, struct outbox *written,
	struct err *err);

/* ---- Runs ---- */

/* The phases of a run: an array of {phase, index, needs}. The store frees. */
typedef struct json_object *plan_of(
	enum goal goal, const struct cluster *cluster);

/*
 * Starts the runs that these jobs (provision, teardown) ask for, where a
 * cluster's status allows it. known[i] tells whether job i's cluster exists.
 */
bool store_start_runs(struct store *store, const struct job *const *jobs,
	size_t count, plan_of *plan, bool *known, struct outbox *written,
	struct err *err);

/* ---- Outcomes ---- */

enum result {
	RESULT_DONE,
	RESULT_WAIT,    /* come back after delay_ms; no attempt */
	RESULT_RETRY,   /* come back after delay_ms; an attempt that failed */
	RESULT_FAIL,    /* and the cluster fails with it */
	RESULT_PARK,    /* a teardown that has no good token */
	RESULT_READY,   /* of a validation: the token is good */
	RESULT_INVALID, /* of a validation: it is not */
	RESULT_COUNT,
};

struct outcome {
	const struct job *job;
	int64_t lease_token;
	enum result result;
	const char *wait_queue; /* where the next message waits */
	int delay_ms;
	const struct err *err; /* why: of everything but done, wait, ready */
	const char *refused_token;     /* sealed; Hetzner did not take it */
	const struct cluster *cluster; /* has changed; else NULL */
	const struct resource **recorded;
	size_t recorded_count;
	const struct resource **removed;
	size_t removed_count;
};

/*
 * Stores outcomes; counted[i] tells whether outcome i counted, or its lease had
 * been lost. All or nothing.
 */
bool store_commit(struct store *store, const struct outcome *outcomes,
	size_t count, bool *counted, struct outbox *written, struct err *err);

/* ---- Kubeconfigs that were asked for by a job ---- */

struct kubeconfig {
	const struct job *job;
	/* Loaded; texts are the arena's, NULL: not there (yet). */
	bool known; /* is there such a cluster? */
	char *cluster_name;
	char *address; /* the load balancer's public one */
	char *sealed_authorities;
	/* To be stored. */
	const char *sealed; /* to the job's public key; NULL: not ready */
	char expires_at[25];
};

/* Fills in what the kubeconfigs of these jobs are minted from. */
bool store_load_kubeconfigs(struct store *store, struct kubeconfig *kubeconfigs,
	size_t count, struct arena *arena, struct err *err);

/*
 * Stores the events that answer the jobs; a job that was answered already gets
 * none. A cluster that has no keys (any more) answers "not_ready".
 */
bool store_answer_kubeconfigs(struct store *store,
	const struct kubeconfig *kubeconfigs, size_t count,
	struct outbox *written, struct err *err);

/* ---- Outbox, relay and watchdog ---- */

/* Forgets messages that the broker has. */
bool store_published(
	struct store *store, const int64_t *ids, size_t count, struct err *err);

/* Takes over messages that nobody has published in time. */
bool store_take_outbox(
	struct store *store, int most, struct outbox *taken, struct err *err);

/* Queues anew what should have arrived `grace_ms` ago. */
bool store_requeue_lost(struct store *store, int grace_ms, int *requeued,
	struct outbox *written, struct err *err);
