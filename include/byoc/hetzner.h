/*
 * Requests to the Hetzner Cloud API and replies, as values: no I/O. What a
 * reply means is decided here, by its error code first and by its HTTP status
 * where the code is new; what is done about it is decided by the phases.
 * Source of all facts: Hetzner Cloud API description,
 * https://docs.hetzner.cloud
 */
#pragma once

#include <byoc/err.h>
#include <byoc/json.h>
#include <byoc/memory.h>
#include <byoc/model.h>
#include <byoc/secret.h>
#include <stdbool.h>
#include <stdint.h>

enum method {
	METHOD_GET,
	METHOD_POST,
	METHOD_DELETE,
	METHOD_PATCH,
	METHOD_PUT,
	METHOD_COUNT
};
const char *method_word(enum method method); /* "GET", ... */

/*
 * A request. Paths begin behind the API's base: "/servers?name=x". One that has
 * a `server` goes to the Kubernetes API there instead, with the certificate of
 * an administrator.
 */
struct request {
	enum method method;
	char *path;               /* the arena's */
	struct json_object *body; /* NULL: none; freed by request_clear */
	struct secret user_data;  /* becomes the body's member "user_data" */
	struct secret manifest;   /* YAML, the whole body */
	const char *server;       /* "https://203.0.113.7:6443"; the arena's */
};

void request_get(struct request *request, struct arena *arena, const char *fmt,
	...) __attribute__((format(printf, 3, 4)));
void request_delete(struct request *request, struct arena *arena,
	const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Both take ownership of `body`, which may be NULL. */
void request_put(struct request *request, struct arena *arena,
	struct json_object *body, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void request_post(struct request *request, struct arena *arena,
	struct json_object *body, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/*
 * Requests to the Kubernetes API of `server`, which is borrowed: server-side
 * apply of a manifest, which is moved into the request, and a merge patch,
 * whose `body` is taken over. See "Server-Side Apply" and "Update API Objects
 * in Place Using kubectl patch" in Kubernetes' documentation.
 */
void request_apply(struct request *request, struct arena *arena,
	const char *server, struct secret *manifest, const char *path);
void request_merge(struct request *request, struct arena *arena,
	const char *server, struct json_object *body, const char *path);
/* Frees the body and wipes what is secret. */
void request_clear(struct request *request);

/* Percent-encodes a query value (RFC 3986); the arena's. */
const char *request_escape(struct arena *arena, const char *text);

/*
 * The body as JSON text, with user_data put in; empty when there is none. It
 * may hold secrets: in locked memory, and the caller clears it.
 */
void request_write_body(const struct request *request, struct secret *body);

/* What a reply comes down to. */
enum reply_class {
	REPLY_OK,
	REPLY_NOT_FOUND,   /* not_found */
	REPLY_TAKEN,       /* uniqueness_error: a name or fingerprint exists */
	REPLY_ALREADY,     /* it is already as asked: attached, defined */
	REPLY_BUSY,        /* conflict, locked, resource_in_use: soon */
	REPLY_RATE_LIMIT,  /* 429: later, and it counts as no attempt */
	REPLY_UNAVAILABLE, /* sold out, no placement: later, but not for ever */
	REPLY_TRANSIENT,   /* 5xx, no answer, time-out, any failure without an
			    * error code: it may have happened */
	REPLY_CREDENTIAL,  /* unauthorized, token_readonly: no good token */
	REPLY_PROTECTED,   /* delete protection is on */
	REPLY_REFUSED,     /* anything else that trying again will not mend */
	REPLY_CLASS_COUNT,
};

struct reply {
	enum reply_class class;
	int status;               /* HTTP status; 0: no answer came */
	struct json_object *body; /* NULL: none, or not JSON */
	char code[48];            /* Hetzner's error code, or one of ours */
	char message[240];        /* Hetzner's sentence and fields, or ours */
	char *text;               /* of a cluster that was asked to tell
				   * something: as it came. NULL: nothing */
	size_t text_size;
	int64_t rate_limit;     /* RateLimit-Limit; -1: not said */
	int64_t rate_remaining; /* RateLimit-Remaining; -1: not said */
};

/* Reads an answer: any body is allowed, also none and HTML. */
void reply_read(struct reply *reply, int status, const char *body, size_t size);
/* An answer of Kubernetes, which says nothing about Hetzner's token: its status
 * is all that is taken of it. */
void reply_read_cluster(struct reply *reply, int status);
/* Keeps what a cluster has told, for src/kubernetes to read; copies it. */
void reply_keep(struct reply *reply, const char *text, size_t size);
/* No answer came; `what` says why ("connection refused"). */
void reply_lost(struct reply *reply, const char *what);
void reply_clear(struct reply *reply);

/*
 * The failure a reply stands for: kind by class, Hetzner's code, and a
 * sentence that names what was tried and tells the customer what to do.
 * Always returns false.
 */
bool reply_fail(const struct reply *reply, const char *doing, struct err *err);

/* ---- Kinds of resources and how they look in the API ---- */

/* "servers": the path segment and the key of its list. */
const char *kind_plural(enum resource_kind kind);
/* "server": the key of one object. */
const char *kind_singular(enum resource_kind kind);

enum { RESOURCE_ACTIONS = 8 };

/* One resource as an answer shows it; what it does not have stays zero. */
struct seen {
	int64_t id;
	const char *name;                   /* borrowed from the reply */
	struct json_object *labels;         /* borrowed from the reply */
	const char *created;                /* RFC 3339; borrowed */
	char public_address[ADDRESS_SIZE];  /* of a server, a load balancer, an
					     * IP */
	char private_address[ADDRESS_SIZE]; /* its first private one */
	int64_t network;                    /* the first network it is on */
	int64_t server;               /* that a volume or floating IP is at */
	bool deleting;                /* a server on its way out */
	bool protected_from_deletion; /* protection.delete */
	struct json_object *object;   /* the whole of it; borrowed */
};

/* Reads the object under `kind`'s singular key (a 201 or a GET by id). */
bool reply_resource(const struct reply *reply, enum resource_kind kind,
	struct seen *seen, struct err *err);
/*
 * How many objects a list holds, and the i-th of them. An answer without the
 * list counts 0 as well: where nothing found means something, ask is_list too.
 */
bool reply_is_list(const struct reply *reply, enum resource_kind kind);
size_t reply_list_count(const struct reply *reply, enum resource_kind kind);
bool reply_list_resource(const struct reply *reply, enum resource_kind kind,
	size_t i, struct seen *seen, struct err *err);
/* meta.pagination.next_page; 0 on the last page. */
int reply_next_page(const struct reply *reply);

/* Value of a label, or NULL. Borrowed. */
const char *seen_label(const struct seen *seen, const char *key);
/* Is it on this network? Its address there goes to `address`, if not NULL. */
bool seen_on_network(
	const struct seen *seen, int64_t network, char address[ADDRESS_SIZE]);

/*
 * Ids of the actions a reply speaks of that have not succeeded yet: `action`,
 * `actions` and `next_actions`. Returns how many; at most `max`.
 */
size_t reply_actions(const struct reply *reply, int64_t *ids, size_t max);

enum action_status {
	ACTION_UNKNOWN,
	ACTION_RUNNING,
	ACTION_SUCCESS,
	ACTION_ERROR
};

/* Is it an answer to GET /actions at all? */
bool reply_is_action_list(const struct reply *reply);
/*
 * Status of the action `id` in an answer to GET /actions?id=...; an error's
 * code and message are copied into `err` (kind ERR_RETRY). Unknown is one that
 * the answer does not name.
 */
enum action_status reply_action_status(
	const struct reply *reply, int64_t id, struct err *err);
