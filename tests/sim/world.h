/*
 * The state of the simulated cloud: projects, their resources, and what is
 * going to happen when. One thread owns it all.
 *
 * Nothing happens by itself: world_turn() is called before each request and
 * lets everything come true that is due by then. Between two requests nobody
 * can look, so nobody can tell the difference.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "json.h"

#include <stddef.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The first four are the same for every project: the catalog. */
enum kind {
	KIND_LOCATION,
	KIND_SERVER_TYPE,
	KIND_LOAD_BALANCER_TYPE,
	KIND_IMAGE,
	KIND_SSH_KEY,
	KIND_NETWORK,
	KIND_PLACEMENT_GROUP,
	KIND_FIREWALL,
	KIND_SERVER,
	KIND_LOAD_BALANCER,
	KIND_VOLUME,
	KIND_PRIMARY_IP,
	KIND_FLOATING_IP,
	KIND_CERTIFICATE,
	KIND_ACTION,
	KIND_COUNT
};

struct kube;
struct project;
struct resource;

/* What the simulation knows of a kind, besides its routes. */
struct kind_facts {
	const char *one;  /* "server": the key of one in an answer */
	const char *many; /* "servers": the key of a list, and the path */

	/* Brings the derived parts of the body up to date; may be NULL. */
	void (*refresh)(struct project *project, struct resource *resource);

	/* Undoes what ties others to it before it goes; may be NULL. */
	void (*leave)(struct project *project, struct resource *resource);
};

extern const struct kind_facts kinds[KIND_COUNT];

/* KIND_COUNT when no kind has that plural. */
enum kind kind_named(const char *many);

#define MAX_NETS 3

/* A place in a network; a server has up to three, a load balancer one. */
struct attachment {
	int64_t network; /* 0: free slot */
	uint32_t address;
	bool up; /* the action is through: clients may see it */
	struct json_object *alias_ips;
};

struct resource {
	enum kind kind;
	int64_t id;
	struct json_object *body;   /* as the API shows it, once refreshed */
	struct json_object *hidden; /* what only /_sim/state shows, or NULL */
	unsigned busy;              /* running actions that lock it */

	/* Volume, primary and floating IP: its server. Server: its placement
	 * group. */
	int64_t holder;

	struct attachment nets[MAX_NETS];

	/* Action: begin and end. Server: when what runs on it answers. */
	int64_t since_ms, until_ms;
};

/* All of one kind in one project, by id. */
struct shelf {
	struct resource **items;
	size_t count, room;
};

/* Requests a project may still send; refilled steadily. */
struct bucket {
	double limit, remaining, refill_per_second;
	int64_t filled_at_ms;
};

struct project {
	struct project *next;
	struct world *world;
	char *name;
	struct shelf shelves[KIND_COUNT];
	struct bucket bucket;
	int64_t quota[KIND_COUNT]; /* -1: none */
};

struct token {
	struct token *next;
	struct project *project;
	bool read_only;
	char *text;
};

struct world {
	/* settings */
	double time_scale;
	double boot_seconds;
	int64_t latency_ms;
	FILE *record;
	struct kube *kube; /* the clusters' own API; NULL: without */

	/* state */
	int64_t now_ms; /* monotonic; while an event happens, its due time */
	int64_t unix_minus_now_ms;
	struct project *projects;
	struct project catalog;
	struct token *tokens;
	struct event *events;
	struct fault *faults;
	struct bucket stranger;       /* for answers to unknown tokens */
	struct json_object *sold_out; /* {"cx23 fsn1": true} */
	struct json_object *calls;    /* {"GET /servers": 12} */
	int64_t last_id[KIND_COUNT];
	int64_t last_fault;
	uint32_t last_public_address;
};

void world_init(struct world *world);
void world_clear(struct world *world);

/* Takes the time and lets all come true that is due. */
void world_turn(struct world *world);

/* Real milliseconds that simulated seconds last. */
int64_t world_ms(const struct world *world, double seconds);

/* Forgets every project's resources and what was going to happen to them. */
void world_empty(struct world *world);

/* Finds the project, or makes it. */
struct project *project_named(struct world *world, const char *name);

/* "TOKEN", "TOKEN:ro", "TOKEN@PROJECT" or "TOKEN@PROJECT:ro". */
void token_add_spec(struct world *world, const char *spec);
void token_add(struct world *world, const char *text, const char *project,
	bool read_only);
bool token_revoke(struct world *world, const char *text);
const struct token *token_find(const struct world *world, const char *text);
void tokens_clear(struct world *world);

void bucket_init(struct bucket *bucket, int64_t now_ms);
/* False when it is empty. */
bool bucket_take(struct bucket *bucket, int64_t now_ms);
/* Seconds until it is full again. */
double bucket_full_in(const struct bucket *bucket);

/* The shelf of the project, or of the catalog. */
struct shelf *shelf_of(struct project *project, enum kind kind);
#define shelf_each(shelf, resource)                                            \
	for (size_t at_ = 0;                                                   \
		at_ < (shelf)->count && ((resource) = (shelf)->items[at_]);    \
		at_++)

/*
 * A new resource with the next id of its kind. Takes over the body and puts
 * "id" and, unless it is there, "created" into it.
 */
struct resource *resource_new(
	struct project *project, enum kind kind, struct json_object *body);
/* Unties, takes from the shelf and frees. */
void resource_remove(struct project *project, struct resource *resource);
struct resource *resource_find(
	struct project *project, enum kind kind, int64_t id);
struct resource *resource_named(
	struct project *project, enum kind kind, const char *name);
/* The name or "" when it has none. Borrowed. */
const char *resource_name(const struct resource *resource);
/* A reference to the refreshed body: use it before anything else changes. */
struct json_object *resource_view(
	struct project *project, struct resource *resource);
/* Views of all in one list. */
struct json_object *resource_views(struct project *project, enum kind kind);
/* RFC 3339, UTC. Simulated seconds count as they really last. */
void now_text(const struct world *world, char text[static 32]);

/*
 * An action: it runs for a while and then comes true. Its subject, and the
 * other too when `locks_other`, is busy as long.
 */
struct plan {
	const char *command;
	double seconds; /* simulated */
	struct resource *subject;
	struct resource *other; /* also listed, may be NULL */
	bool locks_other;
	struct resource *after;     /* action without whose success it fails */
	struct json_object *detail; /* taken over; for the functions below */

	/* Called when it ends well or badly; subject still exists. */
	void (*effect)(struct project *project, struct resource *subject,
		struct json_object *detail);
	void (*undo)(struct project *project, struct resource *subject,
		struct json_object *detail);
};

/* Starts it and returns the action. */
struct resource *action_start(struct project *project, const struct plan *plan);
void action_refresh(struct project *project, struct resource *action);
/* Ends all actions that are due. */
void events_turn(struct world *world);
void events_clear(struct world *world);

/* Attachments of servers and load balancers. */
struct attachment *attachment_to(struct resource *resource, int64_t network);
void attachment_clear(struct attachment *attachment);
/* Any attachment in the project at this address of the network. */
bool attachment_taken(
	struct project *project, int64_t network, uint32_t address);

#endif
