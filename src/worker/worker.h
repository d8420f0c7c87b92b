/*
 * Inside the worker: one thread, one loop. A flight is a job in the air; it
 * moves along the belt from list to list, and every tick runs each stage once
 * over all flights that stand there:
 *
 *	receive -> decode -> lease -> step <-> call -> commit -> publish -> ack
 *
 * Only here do broker, store and Hetzner client meet.
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
	POLL_WINDOW_MS = 50, /* how long action polls gather company */
	POLL_IDS_MAX = 40,
};

/* A token in use: shared by all flights of its credential. */
struct token {
	struct token *next;
	char credential_id[UUID_SIZE];
	char *sealed;
	struct secret plain; /* empty while nobody uses it */
	size_t users;
	int64_t used_ms;
	int64_t rate_limit;     /* -1: not known */
	int64_t rate_remaining; /* at rate_ms */
	int64_t rate_ms;
	int64_t spare_from_ms; /* the next call, while little is left */
};

struct flight {
	struct flight *next;
	struct delivery *delivery;
	unsigned link; /* the broker connection that delivered it */
	struct arena *arena;
	struct job job;
	struct lease lease;
	int64_t lease_end_ms;
	struct facts facts;
	struct token *token;
	struct secret authorities;
	struct secret join_token;
	struct ask ask;
	int64_t gathered_ms;
	bool let_through; /* although little is left of the rate limit */
	struct outcome outcome;
	struct err err;
};

/* Flights that stand at one place, first come, first served. */
struct flights {
	struct flight *first;
	struct flight *last;
	size_t count;
};

void flights_add(struct flights *flights, struct flight *flight);
struct flight *flights_take(struct flights *flights); /* NULL: none */
/* Moves all of `from` to the end of `to`. */
void flights_move(struct flights *to, struct flights *from);

struct flight *flight_new(struct delivery *delivery, unsigned link);
void flight_free(struct flight *flight);
/* Forgets all but the job, to be leased again. */
void flight_reset(struct flight *flight);

/* What was published together, and whose deliveries are settled by it. */
struct batch {
	size_t unconfirmed;
	bool refused; /* a message that is in no table was not taken */
	struct flights flights;
};

struct ticket {
	int64_t outbox_id; /* 0: the message is in no table */
	struct batch *batch;
};

enum count {
	COUNT_RECEIVED,
	COUNT_DONE,
	COUNT_WAIT,
	COUNT_RETRY,
	COUNT_FAIL,
	COUNT_VOID,
	COUNT_BUSY,
	COUNT_LEASE_LOST,
	COUNT_DEAD_LETTERED,
	COUNT_PUBLISHED,
	COUNT_PUBLISH_REFUSED,
	COUNT_RELAYED,
	COUNT_REQUEUED,
	COUNT_REQUESTS,
	COUNT_REQUEST_ERRORS,
	COUNT_RATE_LIMITED,
	COUNT_RECONNECTS,
	COUNT_COUNT,
};

/* A door that may be closed for a while. */
struct link {
	int64_t next_try_ms;
	int backoff_ms;
	bool was_open;
};

struct worker {
	const struct settings *settings;
	char id[UUID_SIZE]; /* owner of the leases */
	struct keyring *keyring;
	struct hetzner_client *client;
	struct store *store;   /* NULL: closed */
	struct broker *broker; /* NULL: closed */
	struct link store_link;
	struct link broker_link;
	unsigned link; /* counts broker connections */
	struct metrics *metrics;
	int signals; /* signalfd */

	int64_t now_ms; /* one reading a tick */
	bool draining;
	int64_t drain_end_ms;
	struct err fatal; /* ends the worker */

	struct flights received; /* to be leased, or started */
	struct flights ready;    /* to be stepped */
	struct flights gathered; /* want to know about actions */
	struct flights finished; /* have an outcome */
	size_t flight_count;     /* all, also those with a request in the air */
	struct token *tokens;

	struct ticket *tickets; /* ring of outstanding publications */
	size_t tickets_room;    /* a power of two */
	uint64_t tickets_first; /* not answered yet */
	uint64_t tickets_end;

	int64_t *published; /* outbox ids to be deleted */
	size_t published_count;
	size_t published_room;
	int64_t next_relay_ms;
	int64_t next_watch_ms;

	uint64_t counts[COUNT_COUNT];
};

static inline void worker_count(struct worker *worker, enum count count)
{
	worker->counts[count]++;
}

/* ---- The stages, in the order of a tick ---- */

/* links.c: opens what is closed, with growing pauses between the tries. */
void links_keep(struct worker *worker);
/* Closes the door and logs why; what is in the air stays. */
void links_lose_store(struct worker *worker, const struct err *why);
void links_lose_broker(struct worker *worker, const struct err *why);

/* intake.c */
void intake_receive(struct worker *worker);
void intake_lease(struct worker *worker);
/* Puts a flight's message aside, with the reason. */
void intake_dead_letter(
	struct worker *worker, struct flight *flight, const struct err *reason);
void intake_unknown_record(struct worker *worker, struct flight *flight);
/* A database that is gone lets the flights stand where they were; one that
 * refuses them is a bug of ours, and the watchdog brings the jobs back. */
void intake_refused(
	struct worker *worker, struct flights *flights, const struct err *err);

/* kubeconfig.c: mints and seals the kubeconfigs that flights ask for. */
void kubeconfig_answer(struct worker *worker, struct flights *flights);

/* step.c */
void step_ready(struct worker *worker);
/* The reply to a flight's last question. */
void step_take(struct worker *worker, struct flight *flight,
	const struct reply *reply);

/* call.c */
void call_send(struct worker *worker, struct flight *flight);
bool call_send_to_cluster(
	struct worker *worker, struct flight *flight, struct err *err);
void call_send_gathered(struct worker *worker);
void call_collect(struct worker *worker);

/* keys.c: makes and seals the keys of the flight's cluster. */
bool keys_make(struct worker *worker, struct flight *flight, struct err *err);

/* commit.c */
void commit_finished(struct worker *worker);

/* publish.c */
/* Publishes rows; `flights` are acknowledged once all are confirmed. */
void publish_rows(struct worker *worker, const struct outbox *rows,
	struct flights *flights);
/* Sends a flight's message on, to a queue, and acknowledges it after that. */
void publish_forward(struct worker *worker, struct flight *flight,
	const char *queue, const struct err *reason);
void publish_confirm(struct worker *worker);
/* The broker is gone: what was not confirmed is left to the relay. */
void publish_forget(struct worker *worker);

/* upkeep.c: relay, watchdog, forgetting what is published. */
void upkeep(struct worker *worker);

/* token.c */
/* Opens a credential's token or shares it; NULL with an error. */
struct token *token_take(struct worker *worker, const char *credential_id,
	const char *sealed, struct err *err);
void token_release(struct worker *worker, struct token *token);
void token_note_rate(
	struct worker *worker, struct token *token, const struct reply *reply);
/*
 * May a call be made, with what is to be left to the customer's own? A flight
 * keeps in `let_through` that it was allowed to when little was left.
 */
bool token_may_call(
	const struct worker *worker, struct token *token, bool *let_through);
void token_forget_idle(struct worker *worker, int64_t idle_ms);

/* metrics.c */
struct metrics *metrics_start(const struct worker *worker, struct err *err);
void metrics_stop(struct metrics *metrics);
int metrics_socket(const struct metrics *metrics);
void metrics_serve(struct metrics *metrics);

/* worker.c */
void worker_tick(struct worker *worker);
bool worker_is_done(const struct worker *worker);
