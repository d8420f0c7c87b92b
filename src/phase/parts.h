/*
 * What the phases are made of; within this layer only. A phase is a table of
 * steps at the end of its file: its own ones are called <step>_met, _ask and
 * _take and stand there in the table's order, the shared ones are the macros
 * here.
 */
#pragma once

#include <byoc/kubernetes.h>
#include <byoc/phase.h>

/* The same in every cluster: it has a network of its own. */
#define NETWORK_RANGE "10.0.0.0/16"
#define SUBNET_RANGE "10.0.0.0/24"
#define ROUTER_ADDRESS "10.0.0.1"
/* The API hands out the lowest free address, so this one stays free. */
#define GATEWAY_PRIVATE_ADDRESS "10.0.0.254"
#define SERVER_IMAGE "ubuntu-24.04"
#define LOAD_BALANCER_TYPE "lb11"

enum { PER_PAGE = 50 }; /* the most that the API gives */

/* ---- phase.c: what steps return ---- */

/*
 * Not yet: VERDICT_WAIT, for as long as it took lately, or half of the phase's
 * age, from half a second to five. After ten minutes it fails with an
 * ERR_RETRY: `doing` takes too long.
 */
enum verdict phase_wait(
	struct facts *facts, const char *doing, struct err *err);
/* Of a step's `ask`: not yet. */
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
/* Asks for a page of what bears the cluster's label, of one kind. */
void phase_ask_list(const struct facts *facts, struct request *request,
	enum resource_kind kind, int page);
/* Makes room in `ask` for so many requests beside each other: see ask_nth(). */
void phase_ask_beside(struct facts *facts, struct ask *ask, size_t count);

/* "load balancer", for sentences. */
const char *kind_noun(enum resource_kind kind);
/* "Creating the server 'x'", in the arena. */
const char *phase_doing(
	const struct facts *facts, const char *verb, const char *name);

/* ---- pace.c ---- */

/* Has this kind of wait been seen to its end? Then: until the next look. */
bool pace_is_known(const struct facts *facts);
int pace_wait_ms(const struct facts *facts);
/* What a look has shown, or what has only just begun. */
void pace_note_running(struct facts *facts);
void pace_note_over(struct facts *facts);

/* ---- found.c ---- */

/* A list of the arena's with room for one more; the old one stays there. */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t *room,
	size_t size);

/* Adds what is not there yet; takes as long for the last as for the first. */
void found_add(
	struct arena *arena, struct found *found, int64_t id, const char *name);
bool found_has(const struct found *found, int64_t id);

/* ---- facts.c ---- */

/* What this phase has made, or NULL. */
const struct resource *facts_own(const struct facts *facts);
/* What another phase has made; its needs promise it: else an ERR_BUG. */
const struct resource *facts_need(
	const struct facts *facts, const char *phase, struct err *err);
/* Marks as gone: one resource by its id, all of a kind. */
void facts_forget(struct facts *facts, enum resource_kind kind, int64_t id);
void facts_forget_kind(struct facts *facts, enum resource_kind kind);
/* Where the cluster's own API is; NULL with an error. */
const char *facts_server(const struct facts *facts, struct err *err);
/* What is recorded with Hetzner's id, or NULL; valid until one is added. */
struct fact_resource *facts_with_id(
	const struct facts *facts, enum resource_kind kind, int64_t id);
/* An index that no resource of the phase has, nor had in this lease. */
int facts_next_index(const struct facts *facts, const char *phase);
/* Notes something that stays, once. */
struct kept *facts_keep(
	struct facts *facts, const struct resource *resource, enum stay stay);
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
 * our name, asks what becomes of it; creates. */
STEP(find);
STEP(claim);
STEP(recall);
STEP(create);
/* await.c: waits until Hetzner is through with it. */
STEP(await);
/* credential/price_list.c: what a cluster would cost, where that is not known.
 */
STEP(offers);
STEP(price_list);
/* credential/audit.c: what there is in the project, and what it costs. */
STEP(inventory);
STEP(inventory_prices);
/* provision/mend.c: forgets what somebody has deleted. `mend` asks nothing. */
STEP(look);
bool mend_met(const struct facts *facts);
bool mend_ask(struct facts *facts, struct ask *ask, struct err *err);
/* provision/restore.c: puts back what was changed. */
STEP(restore);
/* sold_out.c: tells what else there is. */
STEP(others);
/* provision/joined.c: asks the cluster's own API who is in it. */
STEP(nodes);
STEP(system);
/* change/rollout.c: waits until what was restarted runs again. */
STEP(rollout);
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
/* Of a step that asks nothing: there is no reply for it to take. */
#define ROW_SILENT(name)                                                       \
	{                                                                      \
#name, name##_met, name##_ask, NULL                            \
	}
#define STEPS_TO_ADOPT                                                         \
	ROW(others), ROW(discard), ROW(find), ROW(claim), ROW(recall)
#define STEPS_TO_MAKE STEPS_TO_ADOPT, ROW(create)
#define STEP_AWAIT ROW(await)

/* ---- The phases ---- */

extern const struct step prepare_steps[];
extern const struct step make_steps[];
extern const struct step node_steps[];
extern const struct step nat_gateway_steps[];
extern const struct step load_balancer_steps[];
extern const struct step ready_steps[];
extern const struct step remove_steps[];
extern const struct step survey_steps[];
extern const struct step hcloud_secret_steps[];

bool ssh_key_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);
bool network_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);
bool firewall_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);
bool placement_group_describe(const struct facts *facts,
	struct json_object *body, struct secret *user_data, struct err *err);
bool gateway_address_describe(const struct facts *facts,
	struct json_object *body, struct secret *user_data, struct err *err);
bool nat_gateway_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);
bool load_balancer_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);
bool control_plane_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);
bool worker_describe(const struct facts *facts, struct json_object *body,
	struct secret *user_data, struct err *err);

/* ---- What was changed since it was made ---- */

enum fault {
	FAULT_OFF,
	FAULT_DETACHED,
	FAULT_NO_ROUTE,
	FAULT_UNAPPLIED,
	FAULT_RULES,
	FAULT_NO_SERVICE,
	FAULT_SERVICE,
	FAULT_NO_TARGET,
	FAULT_COUNT,
};
#define FAULT_BIT(fault) (1u << (fault))
struct blemish {
	enum fault fault;
	int64_t id;
};

/* faults.c: bits; but for FAULT_DETACHED, which is for who knows the network.
 * An empty id of the facts' cluster: what it was to be is not known. */
unsigned faults_of(const struct facts *facts, enum resource_kind kind,
	const struct seen *seen);
const char *fault_text(enum fault fault); /* "it is switched off" */
/* restore.c: notes what is wrong with something that is recorded. */
void restore_note(
	struct facts *facts, enum resource_kind kind, const struct seen *seen);
/* rules.c: do the "rules" of both let the same through? */
bool rules_equal(struct arena *arena, const struct json_in *one,
	const struct json_in *other);

/* Parts of what is made, the caller's to free. The rules are NULL with an
 * error; the application is NULL while there is no gateway. */
struct json_object *firewall_rules(const struct facts *facts, struct err *err);
struct json_object *firewall_application(const struct facts *facts);
struct json_object *network_route(void);
struct json_object *load_balancer_service(void);
struct json_object *load_balancer_target(const struct facts *facts);

/* provision/ready.c: not ready, for want of what `lacks` says; a person is told
 * while it waits. After half an hour it fails. */
enum verdict ready_wait(
	struct facts *facts, const char *lacks, struct err *err);

/* ---- pricing.c: `pricing` is Hetzner's answer's part of that name ---- */

/* A price's net amount in millionths of the currency; -1: there is none. */
int64_t pricing_net(const struct json_in *in, const char *key);
/* On the load balancers that Kubernetes makes, and on the autoscaler's servers.
 */
#define LABEL_CONTROLLER "hcloud-ccm/service-uid"
#define LABEL_SCALER "hcloud/node-group"

/* What decides the price of something that was seen. */
void bill_read(const struct seen *seen, struct bill *bill);
/* Its price a month by Hetzner's list; 0: it costs nothing. A server's without
 * its addresses: these are listed by themselves. */
void bill_price(const struct json_in *pricing, enum resource_kind kind,
	struct bill *bill);
/* What an entry of `list`, whose `key` is `name`, costs a month in a location;
 * -1: it is not said. */
int64_t pricing_of_type(const struct json_in *pricing, const char *list,
	const char *key, const char *name, const char *location);

/* server_types.c: asks for a page of types, reads it; when all are read,
 * chooses, or names those that nodes can have ("" or a sentence). */
void server_types_ask(struct facts *facts, struct request *request);
const char *server_types_others(const struct facts *facts);
bool server_types_read(
	struct facts *facts, const struct reply *reply, struct err *err);
bool server_types_choose(struct facts *facts, struct err *err);

/* ---- teardown: what the files there share ---- */

/* On a volume that was kept: which cluster it was of. */
#define LABEL_KEPT "mengi.cloud/kept-from"

/* A network's own members by kind: balancers and servers. */
bool remove_is_member(enum resource_kind kind);
bool remove_is_sweep(const struct facts *facts);
/* remove.c: is the kind to be listed? */
bool remove_wants_list(const struct facts *facts, enum resource_kind kind);
/* Is one of this kind recorded, and not merely seen at a server? */
bool remove_is_recorded(const struct facts *facts, enum resource_kind kind);

/* companions.c: what is at the cluster's servers and balancers. */

/* Nobody makes them for a cluster: they are found where they are used. */
bool remove_is_lent(enum resource_kind kind);
/* To be judged when that which it is at is gone. */
bool remove_is_candidate(const struct fact_resource *fact);
void remove_drop_candidate(
	struct facts *facts, enum resource_kind kind, int64_t id);
/* The ids that an object lists under `key`. */
void remove_add_ids(struct facts *facts, const struct json_in *in,
	const char *key, struct found *found);
/* Records candidates; of certificates, whether one is new. */
void remove_add_companions(struct facts *facts, const struct seen *server);
bool remove_add_certificates(struct facts *facts, const struct seen *balancer);
/* Did the controller make it, for a Service whose balancer used it? */
bool remove_is_of_our_service(
	const struct facts *facts, const struct seen *certificate);
/* The uid of the Service for which a controller made it; NULL: none. */
const char *remove_service_of(
	const struct facts *facts, const struct seen *balancer);
/* Is it for a Service whose balancer went with the cluster, and has it neither
 * network nor targets? Its controller was gone before it could give it any. */
bool remove_is_made_anew(
	const struct facts *facts, const struct seen *balancer);
/* Asks for what bears the cluster's label. Where a controller has made
 * balancers a sweep asks for all there are: those made anew bear no label of
 * ours. */
void remove_ask_list(const struct facts *facts, struct request *request,
	enum resource_kind kind, int page);
/* Who has the use of a floating IP or certificate. */
struct remove_users {
	bool ours, others;
};
struct remove_users remove_users_of(const struct facts *facts,
	enum resource_kind kind, const struct seen *seen);

/* halt.c: asks nothing. */
bool halt_met(const struct facts *facts);
bool halt_ask(struct facts *facts, struct ask *ask, struct err *err);

/* list.c: reads answers, judges what they show by belongs.c, and records what
 * goes with the cluster and notes what stays. */
bool remove_learn_networks(
	struct facts *facts, const struct reply *reply, struct err *err);
/* Any list of a kind; nothing in it is trusted to fit what was asked for. */
bool remove_learn_listed(struct facts *facts, enum resource_kind kind,
	const struct reply *reply, struct err *err);
/* One that was asked for by its id. */
bool remove_learn_one(struct facts *facts, enum resource_kind kind, int64_t id,
	const struct reply *reply, struct err *err);
/* Does an answer show anything with the cluster's label? */
bool remove_is_proof(const struct reply *reply, enum resource_kind kind,
	const struct facts *facts);
/* A server or network that was made for the cluster and was in no list; 0:
 * none. */
int64_t remove_next_unlabelled(
	const struct facts *facts, enum resource_kind kind);
/* The next member or companion that nobody has judged yet; false: none. */
bool remove_next_stranger(
	const struct facts *facts, enum resource_kind *kind, int64_t *id);
/* Is there a balancer that only the controller's list tells of? */
bool remove_has_unknown_fronts(const struct facts *facts);

/* survey.c: steps that learn what there is. */
#define STEP(name)                                                             \
	bool name##_met(const struct facts *);                                 \
	bool name##_ask(struct facts *, struct ask *, struct err *);           \
	enum verdict name##_take(                                              \
		struct facts *, const struct reply *, struct err *)
STEP(prove);
STEP(glance);
STEP(learn);
STEP(survey);
STEP(fronts);
STEP(strangers);
/* prices.c: what it all costs. */
STEP(prices);
#undef STEP
