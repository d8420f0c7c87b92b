/*
 * The worker: one thread, one loop, and a belt that jobs move along. This page
 * shows the belt; the files that are named have the rest.
 *
 * A flight is a job in the air. Each tick runs every stage once, over all
 * flights that stand before it:
 *
 *   receive.c     deliveries become flights; what makes no sense is dead
 *      |
 *      |-- start.c        jobs with a goal begin a run ------------------.
 *      |-- kubeconfig.c   kubeconfigs are minted and sealed -------------|
 *      v                                                                 |
 *   lease.c       phases and validations are claimed --- void, busy -----|
 *      v                                                                 |
 *   step.c  <-->  call.c    what next?  <-->  requests in the air        |
 *      v                                                                 |
 *   commit.c      outcomes are stored; a note goes back to step.c        |
 *      v                                                                 v
 *   publish.c     messages that tell of it leave, and the deliveries are
 *                 acknowledged
 *
 * Beside it renew.c holds the leases of what is in the air, upkeep.c looks
 * after the outbox and after what was lost, links.c opens and closes the doors,
 * traces.c tells a collector what became of each flight, and tick.c, which
 * alone knows the order, puts them all together.
 *
 * The laws of the belt:
 *
 * - A stage takes flights from lists and puts them into other lists. It never
 *   calls another stage, so whoever reads one has read all that it does.
 * - Nothing waits. What goes to the database, to Hetzner or to the broker is
 *   handed over, and its answer is taken in a later tick. While a batch is in
 *   the air the next one gathers (batch.c).
 * - A door that fails is marked; what was in the air comes back to where it
 *   stood before, and links.c opens a new one.
 * - Many flights share a batch, and none suffers for another: a batch that the
 *   database refuses is tried again one by one.
 * - What a flight did is in the database, with every message that tells of it,
 *   before its delivery is acknowledged. So a worker may die at any moment.
 */
#pragma once

#include <byoc/broker.h>
#include <byoc/hetzner_client.h>
#include <byoc/phase.h>
#include <byoc/seal.h>
#include <byoc/settings.h>
#include <byoc/store.h>

enum {
	REQUEST_TIMEOUT_MS = 10 * 1000,
	/* A request begins only when it ends, at the latest, with its lease. */
	LEASE_MS = 20 * 1000,
	/* Of messages, while the belt goes on without their confirms. */
	UNCONFIRMED_MOST = 2000,
};

/* ---- Flights ---- */

struct flight {
	struct flight *next;
	struct flight *next_leased, **leased_at; /* renew.c's list */
	struct delivery *delivery;
	unsigned link; /* the broker connection that delivered it */
	int64_t received_ms;
	struct arena *arena;
	struct job job;
	bool maybe_leased; /* the answer to its lease got lost */
	struct lease lease;
	int64_t leased_ms;     /* taken */
	int64_t lease_from_ms; /* taken or renewed; 0: not leased */
	size_t renewal;        /* its number in the renewal in the air; 0 */
	struct facts facts;
	struct tenant *tenant;
	struct token *token;
	struct secret authorities;
	struct secret join_token;
	struct ask ask;
	struct reply
		*replies; /* to its requests, in their order; the arena's */
	size_t asked;
	size_t awaited; /* of these, in the air */
	int64_t gathered_ms;
	int64_t due_ms;   /* while it is held */
	int pause_ms;     /* the last one for who had its phase or cluster */
	bool let_through; /* although little is left of the rate limit */
	struct outcome outcome;
	bool plain; /* of its outcome nothing but the result can be stored */
	struct kubeconfig *kubeconfig;
	struct err err;
	const char *result; /* as it was counted; NULL: not yet */
	struct span *span;  /* traces.c's; NULL: not traced */
};

/* Flights that stand at one place, first come, first served. */
struct flights {
	struct flight *first;
	struct flight *last;
	size_t count;
};

enum { BATCH_MARKS = 1 << 15 };

/* Flights before a transaction, and those whose transaction is in the air. */
struct batch {
	struct flights waiting;
	struct flights alone; /* were refused together: each by itself */
	struct flights later; /* will wait from later_ms on */
	int64_t later_ms;
	int pause_ms; /* the last one before that; 0: none lately */
	struct flights in_air;
	uint64_t marks[BATCH_MARKS / 64]; /* of their subjects: bits */
	struct transaction *transaction;
	int64_t sent_ms;
};

/* What is published together, and whose deliveries are settled by it. */
struct parcel {
	struct parcel *next;
	struct arena *arena; /* the rows', or the refusal's */
	struct outbox rows;
	struct flights flights;
	const char *queue; /* the flight's own message goes there */
	int64_t began_ms;
	struct err reason;             /* and why, in its headers */
	const struct message *refusal; /* the event that tells of it */
	size_t sent;
	size_t unconfirmed;
	bool refused; /* the flight's own message was not taken */
};

struct parcels {
	struct parcel *first;
	struct parcel *last;
	size_t count;
};

/* One request in the air, who waits for its reply, the reply. */
struct call {
	struct call *next;
	struct call *next_in_air, **in_air_at; /* every one in the air */
	struct flight *asker; /* it is the nth of this one's requests; ... */
	size_t nth;
	struct flights flights; /* ... or all these ask it together */
	struct tenant *tenant;
	struct token *token;
	bool to_cluster;
	enum method method;
	char kind[24]; /* "servers" */
	int64_t sent_ms;
	struct reply reply;
};

/* Rows of the outbox that a broker has confirmed. */
struct ids {
	int64_t *ids;
	size_t count;
	size_t room;
};

/* ---- Doors ---- */

struct opening;
struct meter;

/* A door that may be closed for a while. */
struct link {
	const char *name;
	struct opening *opening; /* a thread is at it */
	struct err failure;      /* why it is to be closed, or is closed */
	int64_t next_try_ms;
	int backoff_ms;
	bool was_open;
};

/* ---- The worker ---- */

/* Phases and validations are leased and stored apart. */
enum lease_kind { LEASE_PHASES, LEASE_VALIDATIONS, LEASE_KIND_COUNT };

struct worker {
	const struct settings *settings;
	char id[UUID_SIZE]; /* owner of the leases */
	struct keyring *keyring;
	struct hetzner_client *client;
	struct store *store;   /* NULL: closed */
	struct broker *broker; /* NULL: closed */
	struct link store_link;
	struct link broker_link;
	unsigned link; /* counts broker connections, opened and lost */
	struct metrics *metrics;
	struct traces *traces; /* NULL: off */
	int signals;           /* signalfd */

	int64_t now_ms; /* one reading a tick */
	bool draining;
	int64_t drain_end_ms;
	struct err fatal; /* ends the worker */

	/* The belt. */
	size_t flight_count; /* all there are */
	struct batch starts;
	struct batch kubeconfigs;
	struct batch leases[LEASE_KIND_COUNT];
	struct flights held; /* not due yet: the soonest first */
	struct pace paces[PACE_COUNT];
	struct flights ready;    /* to be stepped */
	struct flights calling;  /* have a question */
	struct flights gathered; /* have one that others may share */
	struct {
		struct call *first, **end;
	} answered;
	struct batch outcomes[LEASE_KIND_COUNT];
	struct parcels to_publish;
	size_t unconfirmed;   /* messages that no confirm has come for */
	struct ids published; /* to be deleted from the outbox */

	struct flight *leased; /* wherever they stand */
	struct tenants *tenants;
	struct token *tokens;
	struct call *calls; /* in the air */
	int cluster_calls;  /* of them */

	struct renewals *renewals;         /* renew.c's own */
	struct publications *publications; /* publish.c's own */
	struct upkeep *upkeep;             /* upkeep.c's own */

	struct meter *meters; /* meters.c's names */
	struct gauges gauges; /* of the last minute */
};

static inline bool worker_has_store(const struct worker *worker)
{
	return worker->store && !worker->store_link.failure.kind;
}

static inline bool worker_has_broker(const struct worker *worker)
{
	return worker->broker && !worker->broker_link.failure.kind;
}

/* Marks a door that has failed; the first reason stays. */
static inline void link_fail(struct link *link, const struct err *why)
{
	if (!link->failure.kind)
		link->failure = *why;
}
