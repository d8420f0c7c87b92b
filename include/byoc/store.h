/*
 * The door to PostgreSQL, as the worker's tick needs it. It never blocks: a
 * store_send_ function hands a transaction over, for all jobs that stand at one
 * place of the belt, and its answer is taken in a later tick. What the
 * statements do is in schema/migrations.
 *
 * Two connections (lanes), so that leases and outcomes overlap; each carries
 * its transactions in their order. The CLIENT keeps the time: an answer that
 * takes longer than 12 s is the end of the connection, whatever the server is
 * doing.
 *
 * What a job's data can cause (SQLSTATE classes 22, 23 and BY, P0001) is
 * ERR_BUG, "database_refused": nothing was stored, and the door stays open. A
 * lock that was not to be had is ERR_RETRY, "database_busy", likewise.
 * Everything else is ERR_RETRY, "database_unavailable", and fails the door: it
 * is to be freed and opened anew; what was in the air was stored or not, and
 * the same transaction finds that out.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/memory.h>
#include <byoc/model.h>
#include <byoc/secret.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;
struct store;
struct transaction;

/*
 * Connects both lanes and prepares every statement. Waits, 30 s at most, for
 * which name resolution does not count: for a thread of its own. A schema older
 * or newer than `schema_version` is ERR_REFUSED.
 */
struct store *store_open(
	const struct secret *url, int schema_version, struct err *err);
/* Never waits. What is in the air is over, with an error. Takes NULL. */
void store_free(struct store *store);

enum { STORE_LANES = 2 };

/* To be watched for reading, and for writing while something is left to be
 * sent. */
void store_sockets(
	const struct store *store, struct pollfd sockets[STORE_LANES]);

/* Sends and takes in what there is. False: the door has failed. */
bool store_turn(struct store *store, int64_t now_ms, struct err *err);

/* ---- Transactions in the air ---- */

bool transaction_is_over(const struct transaction *transaction);
/* How it ended; ERR_NONE: it is stored. */
const struct err *transaction_err(const struct transaction *transaction);
/* Its statement's name, such as "lease_phases". */
const char *transaction_name(const struct transaction *transaction);
/* Takes NULL. One that is still in the air ends unheard. */
void transaction_free(struct transaction *transaction);

/* marks[i]: does the answer name the i-th of what was asked? */
void store_read_marks(
	const struct transaction *transaction, bool *marks, size_t count);

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
};

/* What a transaction has written to the outbox, or taken out of it. */
void transaction_outbox(const struct transaction *transaction,
	struct arena *arena, struct outbox *outbox);

/* ---- Leases ---- */

enum lease_verdict {
	LEASE_VOID,    /* done already, of an older run, or replaced */
	LEASE_TAKEN,   /* it is ours */
	LEASE_BUSY,    /* somebody else has it: come back in wait_ms */
	LEASE_CROWDED, /* its credential has no place on this belt now */
	LEASE_UNKNOWN, /* there is no such record */
};

struct lease {
	enum lease_verdict verdict;
	int wait_ms;
	char credential_id[UUID_SIZE]; /* of one taken or crowded */

	/* Of one taken only; texts and arrays are the arena's. */
	int64_t token; /* fences: an outcome with an older one is discarded */
	int lease_count;
	int failures;
	char *sealed_token;
	bool prices_due; /* of a validation: it is to read them, too */
	bool audit_due;  /* of a validation: it looks through the project */

	/* The cluster's; of a validation, some of which one has to be there. */
	struct resource *resources;
	size_t resource_count;

	/* Of an audit: the clusters that run, their ids and who may reach
	 * them. */
	const struct cluster *audited;
	size_t audited_count;

	/* Of a phase only. */
	enum goal goal;
	int outages;
	int64_t age_ms;
	int older_leases;
	struct cluster cluster;
	struct removal removal; /* of a teardown or a sweep */
};

struct lease_ask {
	const struct job *job; /* all phases, or all validations */
	bool mine; /* the answer to an earlier lease of ours got lost */
	struct arena *arena; /* for what the lease holds */
	/* Filled by store_read_leases: the lease, and what is wrong with it. */
	struct lease *lease;
	struct err *err;
};

/* How many more flights of a credential the belt takes. */
struct place {
	const char *credential_id;
	int free;
};

struct lease_terms {
	const char *worker;
	int lease_ms;
	/* Phases only: places of credentials that have flights, and the share
	 * of one that has none. */
	const struct place *places;
	size_t place_count;
	int share;
};

struct transaction *store_send_leases(struct store *store,
	const struct lease_terms *terms, const struct lease_ask *asks,
	size_t count);
void store_read_leases(const struct transaction *transaction,
	const struct lease_ask *asks, size_t count);

struct renewal {
	const struct job *job;
	int64_t lease_token;
};

/* Holds leases for `lease_ms` from now on. Waits for no lock.
 * store_read_marks tells which are held. */
struct transaction *store_send_renewals(struct store *store, int lease_ms,
	const struct renewal *renewals, size_t count);

/* ---- Runs ---- */

/* Asks for what the plans of these jobs' clusters depend on. */
struct transaction *store_send_clusters(
	struct store *store, const struct job *const *jobs, size_t count);
/* clusters[i]: id, type and workers of job i's; an empty id: there is none. */
void store_read_clusters(const struct transaction *transaction,
	const struct job *const *jobs, size_t count, struct cluster *clusters);

struct start {
	const struct job *job;
	struct json_object *plan; /* an array of {phase, index, needs}; the
				   * store frees */
};

/* Starts runs where a cluster's status allows it. store_read_marks tells for
 * which somebody else had the cluster: they are to be tried again. */
struct transaction *store_send_starts(
	struct store *store, const struct start *starts, size_t count);

/* ---- Outcomes ---- */

enum result {
	RESULT_DONE,
	RESULT_WAIT,    /* come back after delay_ms; no attempt */
	RESULT_RETRY,   /* come back after delay_ms; an attempt that failed */
	RESULT_FAIL,    /* and the cluster fails with it */
	RESULT_PARK,    /* a teardown that has no good token */
	RESULT_NOTE,    /* none yet: what is recorded so far; the lease lasts */
	RESULT_READY,   /* of a validation: the token is good */
	RESULT_INVALID, /* of a validation: it is not */
	RESULT_COUNT,
};

extern const struct words result_words;
/* One that has been removed, or is left. */
struct left {
	const struct resource *resource;
	const char *fate; /* for the receipt; NULL: it is in none */
	bool lasting;     /* left for good */
	int64_t price;    /* of a survey: a month, in millionths; -1: unknown */
};

struct outcome {
	const struct job *job;
	int64_t lease_token;
	enum result result;
	const char *wait_queue; /* where the next message waits */
	int delay_ms;
	bool unanswered;       /* it may have made something all the same */
	bool outage;           /* the attempt failed, by no fault of its own */
	const struct err *err; /* why: of everything but done, wait, ready */
	const char *waiting;   /* of a wait: what for; NULL: not to be told */
	const char *refused_token;     /* sealed; Hetzner did not take it */
	const struct cluster *cluster; /* has changed; else NULL */
	const struct resource **recorded;
	size_t recorded_count;
	const struct left *removed;
	size_t removed_count;

	/* Of a teardown or a sweep: kept is NULL of anything else. */
	const char *swept;  /* the kind of which nothing is left, or NULL */
	int proven_version; /* of a token that shows the project; 0: none */
	const struct left *kept;
	size_t kept_count;

	/* Of a survey that is done: what would go, and what stays is `kept`. */
	const char *currency; /* NULL of anything else; "": not known */
	const struct left *goes;
	size_t goes_count;

	/* Of a validation: the price list as byoc.store_prices takes it, and
	 * what is in the project as byoc.report_audit does; or NULL. */
	const char *prices;
	const char *audit;
};

enum outcome_verdict {
	OUTCOME_LOST, /* the lease had been lost: it does not count */
	OUTCOME_STORED,
	OUTCOME_BUSY, /* somebody else has the cluster: once more, later */
	OUTCOME_VERDICT_COUNT,
};

/* All of phases, or all of validations. */
struct transaction *store_send_outcomes(
	struct store *store, const struct outcome *outcomes, size_t count);
void store_read_outcomes(const struct transaction *transaction,
	enum outcome_verdict *verdicts, size_t count);

/* ---- Kubeconfigs that were asked for by a job ---- */

struct kubeconfig {
	const struct job *job;
	/* Loaded; texts are the arena's, NULL: not there (yet). */
	bool known; /* is there such a cluster? */
	char *cluster_name;
	char *address; /* the load balancer's public one */
	char *sealed_authorities;
	char *recipient_key; /* the credential's */
	/* To be stored. */
	const char *sealed; /* to the recipient; NULL: there is none */
	char expires_at[25];
	const struct err *refusal; /* why; NULL: the cluster is not ready */
};

/* Asks for what the kubeconfigs of these jobs are minted from. */
struct transaction *store_send_kubeconfigs(struct store *store,
	const struct kubeconfig *kubeconfigs, size_t count);
void store_read_kubeconfigs(const struct transaction *transaction,
	struct kubeconfig *kubeconfigs, size_t count, struct arena *arena);

/*
 * Stores the events that answer the jobs; a job that was answered already gets
 * none. A cluster that has no keys (any more) answers "not_ready", whatever
 * else there is to say.
 * store_read_marks tells which clusters somebody else had.
 */
struct transaction *store_send_answers(struct store *store,
	const struct kubeconfig *kubeconfigs, size_t count);

/* ---- Outbox, relay and watchdog ---- */

/* Forgets messages that the broker has. */
struct transaction *store_send_published(
	struct store *store, const int64_t *ids, size_t count);

/* Where a relay has come to, as the database tells it (byoc.outbox_place). */
struct outbox_place {
	char text[128];
};
extern const struct outbox_place outbox_begin;

/* Takes over messages that nobody has published in time: from the place on, or
 * with a full look all there are. */
struct transaction *store_send_relay(struct store *store,
	const struct outbox_place *place, int most, bool full_look);
/* Where the next look may begin. Of a relay's answer only. */
void store_read_place(
	const struct transaction *transaction, struct outbox_place *place);

/*
 * Queues anew what should have arrived `grace_ms` ago; without
 * `waiting_is_lost` only what was in the hands of a worker. Nothing is done
 * while another worker is at it, or when one was less than `pause_ms` ago.
 */
struct transaction *store_send_watch(
	struct store *store, int grace_ms, int pause_ms, bool waiting_is_lost);
/* How many; -1: none, another worker has looked. */
int store_read_requeued(const struct transaction *transaction);

/* Makes the history's next partitions and drops those that are too old. */
struct transaction *store_send_tending(struct store *store);

/* What all workers have in common. */
struct gauges {
	int64_t clusters[CLUSTER_STATUS_COUNT];
	int64_t outbox_late_ms; /* how long the oldest message has been due */
};
struct transaction *store_send_gauges(
	struct store *store, const struct outbox_place *place);
void store_read_gauges(
	const struct transaction *transaction, struct gauges *gauges);
