/*
 * What the phases are made of; within this layer only. A phase is a table of
 * steps at the end of its file: its own ones are called <step>_met, _ask and
 * _take and stand there in the table's order, the shared ones are the macros
 * here.
 */
#pragma once

#include <byoc/phase.h>

/* The same in every cluster: it has a network of its own. */
#define NETWORK_RANGE "10.0.0.0/16"
#define SUBNET_RANGE "10.0.0.0/24"
#define ROUTER_ADDRESS "10.0.0.1"
/* The API hands out the lowest free address, so this one stays free. */
#define GATEWAY_ADDRESS "10.0.0.254"
#define SERVER_IMAGE "ubuntu-24.04"
enum { API_PORT = 6443 };

enum { PER_PAGE = 50 }; /* the most that the API gives */

/* ---- phase.c: what steps return ---- */

/*
 * Not yet: VERDICT_WAIT, for half of the phase's age, from half a second to
 * five. After ten minutes it fails with an ERR_RETRY: `doing` takes too long.
 */
enum verdict phase_wait(
	struct facts *facts, const char *doing, struct err *err);
/* The same from a step's `ask`. */
bool phase_ask_later(struct facts *facts, struct ask *ask, int wait_ms);
int phase_wait_ms(const struct facts *facts);
/* What a step does not treat itself: busy waits, anything else fails. */
enum verdict phase_otherwise(struct facts *facts, const struct reply *reply,
	const char *doing, struct err *err);
/* An answer without the list that was asked for: false, and an ERR_RETRY. */
bool phase_is_list(
	const struct reply *reply, enum resource_kind kind, struct err *err);
bool phase_is_action_list(const struct reply *reply, struct err *err);
/* Turns to the next page; false when the list has been read to its end. */
bool phase_turn_page(struct facts *facts, const struct reply *reply);
int phase_page(const struct facts *facts);

/* "load balancer", for sentences. */
const char *kind_noun(enum resource_kind kind);
/* "Creating the server 'x'", in the arena. */
const char *phase_doing(
	const struct facts *facts, const char *verb, const char *name);

/* ---- facts.c ---- */

void found_add(
	struct arena *arena, struct found *found, int64_t id, const char *name);
bool found_has(const struct found *found, int64_t id);
/* What this phase has made, or NULL. */
const struct resource *facts_own(const struct facts *facts);
/* What another phase has made; its needs promise it: else an ERR_BUG. */
const struct resource *facts_need(
	const struct facts *facts, const char *phase, struct err *err);
/* Marks as gone: one resource by its id, all of a kind. */
void facts_forget(struct facts *facts, enum resource_kind kind, int64_t id);
void facts_forget_kind(struct facts *facts, enum resource_kind kind);
/* The name that this phase gives to what it makes; the arena's. */
const char *facts_name(const struct facts *facts);
/* "mengi.cloud/cluster=<id>", percent-encoded; the arena's. */
const char *facts_cluster_selector(const struct facts *facts);

/* ---- Shared steps ---- */

#define STEP(name)                                                             \
	bool name##_met(const struct facts *);                                 \
	bool name##_ask(struct facts *, struct ask *, struct err *);           \
	enum verdict name##_take(                                              \
		struct facts *, const struct reply *, struct err *)

/* discard.c: deletes duplicates, and what did not come to life. */
STEP(discard);
/* ensure.c: looks up what an earlier attempt may have made; adopts what bears
 * our name; creates. */
STEP(find);
STEP(claim);
STEP(create);
/* await.c: waits until Hetzner is through with it. */
STEP(await);
/* sold_out.c: tells what else there is. */
STEP(others);
#undef STEP
/*
 * `err` says that it is sold out: VERDICT_FAILED, or after the last attempt
 * VERDICT_NEXT, to the step `others`, which fails with it.
 */
enum verdict phase_sold_out(struct facts *facts, struct err *err);
#define ROW(name)                                                              \
	{                                                                      \
#name, name##_met, name##_ask, name##_take                     \
	}
#define STEPS_TO_MAKE                                                          \
	ROW(others), ROW(discard), ROW(find), ROW(claim), ROW(create)
#define STEP_AWAIT ROW(await)

/* ---- The phases ---- */

extern const struct step prepare_steps[];
extern const struct step make_steps[];   /* just made, ... */
extern const struct step server_steps[]; /* ... or also awaited */
extern const struct step nat_gateway_steps[];
extern const struct step load_balancer_steps[];
extern const struct step ready_steps[];
extern const struct step halt_steps[];
extern const struct step remove_steps[];
extern const struct step hcloud_secret_steps[];

bool ssh_key_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);
bool network_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);
bool firewall_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);
bool placement_group_describe(const struct facts *facts,
	struct json_object *body, struct secret *user_data, struct err *err);
bool nat_gateway_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);
bool load_balancer_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);
bool control_plane_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);
bool worker_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);

/* server_types.c: asks for a page of types, reads it; when all are read,
 * chooses, or names those that nodes can have ("" or a sentence). */
void server_types_ask(struct facts *facts, struct request *request);
const char *server_types_others(const struct facts *facts);
bool server_types_read(
	struct facts *facts, const struct reply *reply, struct err *err);
bool server_types_choose(struct facts *facts, struct err *err);
/* remove_list.c: what is to be deleted. */
bool remove_learn_networks(
	struct facts *facts, const struct reply *reply, struct err *err);
bool remove_add_victims(struct facts *facts, enum resource_kind kind,
	const struct reply *reply, struct err *err);
void remove_add_recorded(struct facts *facts, enum resource_kind kind);
