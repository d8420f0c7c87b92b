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

enum { ASK_MOST = 16 }; /* requests beside each other */

enum change { CHANGE_NONE, CHANGE_RECORD, CHANGE_REMOVE };

/* What became of something that a teardown has come across: its receipt. */
enum fate {
	FATE_NONE,
	FATE_DELETED,
	FATE_GONE, /* somebody else has deleted it */
	FATE_KEPT,
	FATE_COUNT,
};
extern const struct words fate_words;

/* What decides the price of something at Hetzner. */
struct bill {
	char type[SERVER_TYPE_SIZE]; /* of a server, balancer or address */
	char location[16];
	int64_t gigabytes; /* of a volume */
	int64_t price;     /* a month, net, in millionths; -1: not known */
};

struct fact_resource {
	struct resource resource;
	enum change change; /* what the store has to do about it */
	bool noted;         /* it has recorded it, within the lease */

	/* Taking away. */
	enum fate fate;     /* of one that is to be removed */
	bool to_keep;       /* a volume that only loses our label */
	bool attached;      /* a volume, a floating IP: to be detached first */
	bool tried;         /* in this lease */
	bool held;          /* it is protected */
	const char *labels; /* of a volume to keep, as JSON; the arena's */

	/* Of a survey: it was seen in this lease, and what it costs. */
	bool seen;
	struct bill bill;
};

/* Something that stays, and for how long. */
enum stay {
	STAY_FOR_GOOD,
	STAY_NEIGHBOUR, /* for as long as it is on the network */
	STAY_PROTECTED, /* the cluster's, but protected from deletion */
};

struct kept {
	struct resource resource;
	enum stay stay;
	struct bill bill;
};

/* Something in a credential's project, as an audit has seen it. The texts are
 * the arena's. */
struct listed {
	enum resource_kind kind;
	int64_t id;
	const char *name;
	const char *cluster;     /* of our label; NULL: it has none */
	bool controlled;         /* a cluster's controller has made it */
	int64_t network, server; /* that it is on, or at; 0: none */
	const char *fault;       /* of one of ours; NULL: none is seen */
	struct bill bill;
};

/* What a server is for; the load balancer finds its targets by it. */
#define LABEL_ROLE "mengi.cloud/role"

/* What was found at Hetzner in this lease; forgotten with it. */
struct found {
	struct {
		int64_t id;
		const char *name; /* the arena's; "" when it is not known */
	} * items;                /* the arena's; taken away from the end */
	size_t count;
	size_t room;
	size_t *places; /* by id: found.c's own */
	size_t place_count, places_used;
};

struct offers;  /* server types read so far: prepare's own */
struct blemish; /* what was changed since it was made: restore's own */
struct step;

/* What a phase remembers within one lease. Lost facts are asked again. */
struct phase_memory {
	const struct step *asked; /* which the next reply belongs to */
	int64_t looked_ms;        /* the phase's age at the first question */
	bool asked_cluster;       /* it: its Kubernetes API, not Hetzner */
	size_t nth;               /* of its requests, the next reply is to */
	int page;                 /* the next one of a list being read; 0: 1 */
	bool listed;              /* the list has been read to its end */
	struct found victims;     /* to be deleted, of one kind */

	/* Making something. */
	bool looked;   /* by label: an earlier attempt left nothing */
	bool begun;    /* actions began in this lease: too early to ask */
	bool collided; /* create said that the name exists */
	struct resource adopted; /* until its actions are known; id 0: none */
	struct err broken;   /* its action failed: delete it, make it again */
	struct err sold_out; /* for the last time: what else is there? */
	struct offers *offers;
	bool makes;   /* what was asked last makes something */
	bool healthy; /* every control plane answers */

	/* Looking what of an earlier run is still there. */
	int looked_over; /* kinds below this one are */
	struct found present[RESOURCE_KIND_COUNT];
	struct blemish *blemishes; /* of what is there: the arena's */
	size_t blemish_count, blemish_room;
	size_t restored; /* of these are put back */

	/* Looking whether the cluster is ready. */
	struct found joined;    /* servers that are good nodes */
	const char *next_nodes; /* token of the next page; NULL: the first */
	int node_pages;         /* read so far */
	bool complete;          /* every server is a good node */
	size_t rolled_out;      /* parts of the system that run */
	bool unjoined;          /* the node before this one is forgotten */

	/* Taking away. */
	int proof_kind; /* kinds below this one prove nothing */
	bool networks_known;
	bool servers_known;
	bool fronts_known;
	bool more_servers; /* balancers of the cluster lead to unknown ones */
	struct found members[2]; /* on the network: balancers, servers */
	struct found fronts;     /* balancers before the cluster's servers */
	struct found judged[RESOURCE_KIND_COUNT]; /* looked at, and not ours */
	size_t asked_of[ASK_MOST]; /* kinds, or positions of resources */
	bool glanced;              /* at all kinds at once, ... */
	unsigned glanced_kinds;    /* of which these are read: bits */
	int turned;                /* kinds below this one have been seen to */
	bool opened;               /* it is known how the kind is looked for: */
	bool wants_list;           /* by its label, ... */
	bool leaving;              /* something is still on a network */
	bool again;                /* something was left: look once more */
	bool neighbours;           /* something on the network stays there */
	bool priced;               /* the prices are known */

	/* Refreshing. */
	size_t told; /* parts of a running cluster that know the new token */

	/* Validating a token. */
	bool writable; /* the harmless write was refused in the right way */
	int64_t probe; /* an SSH key, if it was not: to be deleted */
	bool at_home;  /* something recorded is in the token's project */
	size_t missed; /* recorded things that are not, from the first on */
	struct offers *offers_at[LOCATION_COUNT]; /* of each location */
	bool offers_known;
	int looked_through; /* an audit has listed the kinds below this one */
};

/* What phases wait for, as far as it takes about the same each time. */
enum pace_kind {
	PACE_NONE,
	PACE_LOAD_BALANCER,
	PACE_NODE,
	PACE_SERVERS_GONE,
	PACE_COUNT,
};

/* How old such a phase is to be when it is looked at, and why. */
struct pace {
	int64_t look_ms;    /* 0: not known */
	int64_t running_ms; /* it was not over yet when it was that old, ... */
	int64_t over_ms;    /* ... and was at that age; 0: not lately */
	int64_t begun_ms;   /* when it began to wait, on average */
	int in_time;        /* first looks in a row that came late enough */
	bool probes;        /* whether all goes faster by now */
	int in_vain;        /* probes in a row that were; below 0: were not */
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
	int lease_count;   /* 1: nobody has tried before */
	int failures;      /* attempts that failed so far, by no outage */
	int outages;       /* attempts in a row that an outage made fail */
	int64_t age_ms;    /* since the phase's first lease */
	struct pace *pace; /* of what it waits for; borrowed, or NULL */
	int older_leases;  /* phases of older runs that may be in the air, or a
			    * request of theirs that got no answer */
	const char *worker_sources; /* CIDRs; NULL or "": not said */
	int64_t now_unix;           /* the calendar's seconds; 0: not said */

	/* Of a teardown: what it was told, and what is known so far. */
	struct removal removal;

	/* Opened for phases that say so; borrowed, else NULL. */
	const struct secret *token;
	const struct secret *authorities;
	const struct secret *join_token;

	struct phase_memory memory;
	int wait_ms;         /* of VERDICT_WAIT */
	const char *waiting; /* for what, where a person would like to know;
			      * the arena's, else NULL */

	/* What the worker has to store beside a failure: */
	bool outage;     /* Hetzner was out of order: counted apart */
	bool unanswered; /* something may still be made: a request for it got
			  * no answer, or one of a gateway */
	/* ... and beside an outcome of a teardown: */
	bool proven;       /* the token opens the cluster's project */
	bool swept;        /* of the phase's kind, nothing is left */
	struct kept *kept; /* the arena's: all that this lease saw */
	size_t kept_count;
	size_t kept_room;
	char currency[8]; /* of the prices; "": not known */

	/* Of a validation: what a cluster would cost in each location. */
	bool prices_due;    /* they are to be read */
	const char *prices; /* as byoc.store_prices takes them: the arena's;
			     * NULL: not read */

	/* Of a validation that looks through the project. */
	bool audit_due;                /* somebody has asked for it */
	const struct cluster *audited; /* the credential's that run: their ids
					* and who may reach them; borrowed */
	size_t audited_count;
	struct listed *listed; /* the arena's */
	size_t listed_count;
	size_t listed_room;
	const char *audit; /* what was found, or why nothing was, as
			    * byoc.report_audit takes it; NULL: not yet */
};

enum ask_kind {
	ASK_REQUEST, /* send `request`, give its reply to phase_take() */
	ASK_ACTIONS, /* status of `actions`: the worker asks for many phases at
		      * once and gives the common reply to each */
	ASK_KEYS,    /* make the cluster's keys, put them into facts.cluster;
		      * phase_take() gets an empty reply of REPLY_OK */
	ASK_NOTE,    /* store what is recorded, before the lease goes on;
		      * phase_take() gets an empty reply of REPLY_OK */
	ASK_WAIT,    /* a step's way to say "not yet", with facts.wait_ms set:
		      * phase_ask() makes PROGRESS_WAITS of it */
	ASK_NOTHING, /* a step's way to say that it is met now, by itself:
		      * phase_ask() goes on to the next one */
};

struct ask {
	enum ask_kind kind;
	struct request request;
	/* More that wait for no answer, neither its nor each other's. */
	struct request *more; /* the arena's */
	size_t more_count;
	/* The answer is the same for all who ask this of the same credential:
	 * the worker may give one reply to flights with an equal path. */
	bool shared;
	int64_t actions[RESOURCE_ACTIONS];
	size_t action_count;
};

/* The first one is `request`; n is at most more_count. */
struct request *ask_nth(struct ask *ask, size_t n);
/* Frees what the requests hold. */
void ask_clear(struct ask *ask);

struct step {
	const char *name;
	bool (*met)(const struct facts *facts);
	bool (*ask)(struct facts *facts, struct ask *ask, struct err *err);
	/* NULL: it asks nothing */
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
	enum pace_kind pace;
	bool halts;    /* until nobody makes anything any more */
	bool surveys;  /* changes nothing: what it finds is told */
	bool by_label; /* no records are left to go by */

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
/* The replies to all requests of one question, in their order. Each is taken;
 * of their verdicts the worst counts. */
enum verdict phase_take_all(struct facts *facts, const struct reply *replies,
	size_t count, struct err *err);

/*
 * What becomes of a failed attempt: after how many milliseconds to try again,
 * or -1 when the phase has failed for good. The facts tell how many there were
 * before it. Only a provisioning gives up on what may pass by itself: on an
 * outage of Hetzner after some six hours, on anything else within minutes. A
 * refresh comes back ever more rarely, up to an hour. The goal of a token's
 * validation is GOAL_COUNT.
 */
int phase_retry_ms(
	enum goal goal, const struct facts *facts, const struct err *err);

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
