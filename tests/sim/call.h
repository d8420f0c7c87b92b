/*
 * One API call on its way through the simulation: what was asked, and what
 * will be answered. A handler fills in the answer and returns true, or
 * returns false by way of refuse(), which fills in an error; the first
 * refusal stays.
 */
#ifndef SIM_CALL_H
#define SIM_CALL_H

#include "world.h"

struct route;

struct call {
	struct world *world;

	/* the request */
	char *method;
	char *path;                /* without /v1 */
	char *token;               /* NULL: none given */
	char *text;                /* body as sent, or NULL */
	struct json_object *query; /* {"name": ["a"], …} */
	struct json_object *body;  /* parsed; NULL when there was none */

	/* what the router found */
	const struct route *route;
	struct project *project;
	int64_t id, action_id; /* from the path */
	struct resource *self; /* what {id} names */

	/* the answer */
	unsigned status;
	bool refused, drop;
	int64_t delay_ms;
	struct json_object *answer; /* NULL: no body */
	char *answer_text;          /* instead, when it is not JSON */
	struct json_object *fault;  /* what strikes this call, or NULL */
};

/* Before the request is looked at; sets delay_ms when it should wait. */
void call_arrive(struct call *call);
/* Does it; sets delay_ms when the answer should wait. */
void call_perform(struct call *call);
void call_clear(struct call *call);
void call_record(const struct call *call);

/* The first value of a query parameter, or NULL. */
const char *call_query(const struct call *call, const char *key);

/* Answers; the values are taken over. The last two need an answer already. */
bool answer(struct call *call, unsigned status, const char *key,
	struct json_object *value);
bool answer_nothing(struct call *call); /* 204 */
/* Starts the action and answers with it: 201. */
bool act(struct call *call, const struct plan *plan);
void answer_add(struct call *call, const char *key, struct json_object *value);

/* Refusals; all return false. The HTTP status follows from the code. */
bool refuse(struct call *call, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool refuse_field(struct call *call, const char *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool refuse_query(struct call *call, const char *parameter);
bool refuse_taken(struct call *call, const char *field);
bool refuse_missing(struct call *call, enum kind kind, int64_t id);
unsigned status_of(const char *code);

/* Rules that many handlers share; false when one was refused. */
bool require_name_free(struct call *call, enum kind kind, const char *name);
bool require_quota(struct call *call, enum kind kind);
bool require_unprotected(struct call *call);
/* `code` is "locked" or "conflict". */
bool require_idle(
	struct call *call, const struct resource *resource, const char *code);

/* The {id} of a resource that the request's body refers to. */
struct resource *require_resource(
	struct call *call, enum kind kind, int64_t id, const char *field);

/*
 * Reading a request body. A cursor remembers where it is, so that a complaint
 * names the field in full; after a refusal all readers answer empty values.
 */
struct fields {
	struct call *call;
	struct json_object *at;
	char where[64];
};

struct fields fields_of(struct call *call);
/* An object inside; `at` is NULL when it is absent. */
struct fields fields_in(const struct fields *outer, const char *key);
/* The nth object of a list inside. */
struct fields fields_nth(
	const struct fields *outer, const char *key, size_t nth);

const char *want_text(struct fields *in, const char *key);
const char *may_text(struct fields *in, const char *key, const char *otherwise);
/* One of the words, a NULL-terminated list. */
const char *want_word(
	struct fields *in, const char *key, const char *const words[]);
int64_t want_number(
	struct fields *in, const char *key, int64_t least, int64_t most);
int64_t may_number(struct fields *in, const char *key, int64_t least,
	int64_t most, int64_t otherwise);
int64_t want_id(struct fields *in, const char *key);
int64_t may_id(struct fields *in, const char *key);
bool may_flag(struct fields *in, const char *key, bool otherwise);
/* The list, borrowed, or NULL when it is absent; its elements are of `type`. */
#define ANY_TYPE json_type_null
struct json_object *may_list(
	struct fields *in, const char *key, enum json_type type);
struct json_object *want_list(
	struct fields *in, const char *key, enum json_type type);
bool refuse_at(const struct fields *in, const char *key, const char *format,
	...) __attribute__((format(printf, 3, 4)));
/* A valid name that no other of the kind has. */
const char *want_name(struct fields *in, enum kind kind);
/* A copy of valid labels, {} when there are none. Owned by the caller. */
struct json_object *may_labels(struct fields *in);
/* A resource that is named by id (number or text) or name. */
struct resource *want_reference(
	struct fields *in, const char *key, enum kind kind);
struct resource *find_reference(
	struct project *project, enum kind kind, struct json_object *value);

#endif
