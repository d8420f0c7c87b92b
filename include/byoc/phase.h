/*
 * Phases: an ordered list of facts to be made true. Pure: no I/O, no clock, no
 * log. A phase's position is the first step that is not met, so that duplicate
 * delivery, crash and restart are one code path.
 *
 * The worker's side: phase_ask() says what to ask next, or that the phase is
 * done; the answer goes to phase_take(); and so on until it is done or the
 * verdict is not NEXT. Then what changed in the facts is stored, whatever the
 * verdict: a failed attempt may have made or removed something as well.
 */
#pragma once

#include <byoc/hetzner.h>
#include <byoc/model.h>

enum verdict {
	VERDICT_NEXT,   /* go on with phase_ask() */
	VERDICT_WAIT,   /* ask again after facts.wait_ms; not an attempt */
	VERDICT_FAILED, /* see the error: its kind says retry or refuse */
};

enum change { CHANGE_NONE, CHANGE_RECORD, CHANGE_REMOVE };

struct fact_resource {
	struct resource resource;
	enum change change; /* what the store has to do about it */
};

/* What a server is for; the load balancer finds its targets by it. */
#define LABEL_ROLE "mengi.cloud/role"

/* What was found at Hetzner in this lease; forgotten with it. */
struct found {
	struct {
		int64_t id;
		const char *name; /* the arena's; "" when it is not known */
		bool attached;    /* a volume that has to be detached first */
	} * items;                /* the arena's */
	size_t count;
	size_t room;
};

struct offers; /* server types read so far: prepare's own */
struct step;

/* What a phase remembers within one lease. Lost facts are asked again. */
struct phase_memory {
	const struct step *asked; /* which the next reply belongs to */
	int page;                 /* the next one of a list being read; 0: 1 */
	bool listed;              /* the list has been read to its end */
	struct found victims;     /* to be deleted, of one kind */

	/* Making something. */
	bool looked;         /* by label: an earlier attempt left nothing */
	bool begun;          /* actions began in this lease: too early to ask */
	bool collided;       /* create said that the name exists */
	struct err broken;   /* its action failed: delete it, make it again */
	struct err sold_out; /* for the last time: what else is there? */
	struct offers *offers;
	bool healthy; /* every control plane answers */

	/* Taking away. */
	bool networks_known;
	struct found networks;   /* the cluster's: one, or none */
	struct found neighbours; /* servers on them */
	size_t swept;            /* kinds a sweep is through with */
	bool again;              /* something was left: look once more */

	/* Refreshing. */
	size_t told; /* parts of a running cluster that know the new token */

	/* Validating a token. */
	bool writable; /* the harmless write was refused in the right way */
	int64_t probe; /* an SSH key, if it was not: to be deleted */
};

struct facts {
	struct arena *arena;
	struct cluster cluster;
	bool cluster_changed; /* server types or keys are to be stored */
	struct fact_resource *resources; /* the arena's */
	size_t resource_count;
	size_t resource_room;

	const struct phase *phase;
	int index;
	int run;
	int lease_count;  /* 1: nobody has tried before */
	int failures;     /* attempts that failed so far */
	int64_t age_ms;   /* since the phase's first lease */
	int older_leases; /* phases of older runs that may be in the air */
	int64_t now_unix; /* the calendar's seconds; 0: not said */

	/* Opened for phases that say so; borrowed, else NULL. */
	const struct secret *token;
	const struct secret *authorities;
	const struct secret *join_token;

	struct phase_memory memory;
	int wait_ms; /* of VERDICT_WAIT */
};

enum ask_kind {
	ASK_REQUEST, /* send `request`, give its reply to phase_take() */
	ASK_ACTIONS, /* status of `actions`: the worker asks for many phases at
		      * once and gives the common reply to each */
	ASK_KEYS,    /* make the cluster's keys, put them into facts.cluster;
		      * phase_take() gets an empty reply of REPLY_OK */
	ASK_WAIT,    /* a step's way to say "not yet", with facts.wait_ms set:
		      * phase_ask() makes PROGRESS_WAITS of it */
};

struct ask {
	enum ask_kind kind;
	struct request request;
	int64_t actions[RESOURCE_ACTIONS];
	size_t action_count;
};

struct step {
	const char *name;
	bool (*met)(const struct facts *facts);
	bool (*ask)(struct facts *facts, struct ask *ask, struct err *err);
	enum verdict (*take)(struct facts *facts, const struct reply *reply,
		struct err *err);
};

/* The bit of a phase in `needs`, by its position in the plan's table. */
#define PHASE_BIT(position) (1u << (position))

struct phase {
	const char *name;         /* the word in jobs, SQL, events and labels */
	const struct step *steps; /* ended by one without a name */
	unsigned needs;           /* bits of PHASE_BIT(position in the table) */
	enum resource_kind kind;  /* what it makes or removes */
	bool opens_secrets;       /* wants token, authorities, join_token */
	bool asks_cluster;        /* its Kubernetes API, and not Hetzner */

	const char *role; /* label of the servers it makes; NULL: none */

	/* How many a cluster has; NULL: one. */
	int (*instances)(const struct cluster *cluster);

	/*
	 * Of a phase that makes something: adds to the body of the create call
	 * what is its own (name and labels are there already), and fills
	 * `user_data` if it wants any.
	 */
	bool (*describe)(const struct facts *facts, struct json_object *body,
		struct secret *user_data, struct err *err);
};

/* The table of a goal, in an order that respects the needs. */
const struct phase *plan_phases(enum goal goal, size_t *count);
/* The phase with this name, or NULL. */
const struct phase *plan_find(enum goal goal, const char *name);
/* How many of it a cluster has: 0 (no placement group for one node), 1, n. */
int plan_instances(const struct phase *phase, const struct cluster *cluster);

/* The validation of a token: a phase outside both plans, without a cluster. */
extern const struct phase credential_phase;
/* Is it 64 characters of [A-Za-z0-9]? */
bool token_well_formed(const struct secret *token);

enum progress {
	PROGRESS_ASKS,
	PROGRESS_WAITS, /* there is nothing to ask before facts.wait_ms */
	PROGRESS_DONE,
	PROGRESS_FAILED,
};

/*
 * The next question, or that there is none left. `ask` is valid on
 * PROGRESS_ASKS alone and its request is cleared by the caller.
 */
enum progress phase_ask(struct facts *facts, struct ask *ask, struct err *err);

/*
 * Takes the reply to the last question. What every step treats alike (token
 * refused, rate limit, no answer, server errors) is treated here.
 */
enum verdict phase_take(
	struct facts *facts, const struct reply *reply, struct err *err);

/*
 * What becomes of a failed attempt: after how many milliseconds to try again,
 * or -1 when the phase has failed for good. `failures` counts this one too. A
 * teardown never gives up on what may pass by itself, nor does the validation
 * of a token, whose goal is GOAL_COUNT.
 */
int phase_retry_ms(enum goal goal, const struct err *err, int failures);

/* ---- Facts, for the phases and who prepares them ---- */

/* The resource recorded for a phase and index, or NULL. */
struct resource *facts_resource(
	struct facts *facts, const char *phase, int index);
const struct resource *facts_recorded(
	const struct facts *facts, const char *phase, int index);

/* Adds a resource that is already stored (CHANGE_NONE). */
void facts_add(struct facts *facts, const struct resource *resource);
/* Records a resource, new or changed, or marks it as gone. */
void facts_record(struct facts *facts, const struct resource *resource);
void facts_remove(struct facts *facts, const char *phase, int index);
