/*
 * Records as the operator sees them, for the command line. Records come as
 * JSON objects in the form that `--output json` prints, and hold nothing that
 * is sealed or secret; the caller frees them with json_free.
 *
 * Failures: ERR_RETRY when the database cannot be reached or the connection
 * broke (see store_console_reconnect), ERR_REFUSED when it says no.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/model.h>
#include <byoc/secret.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;
struct store_console;

/* Refuses a schema of another version than this program's. */
struct store_console *store_console_open(
	const struct secret *database_url, struct err *err);
void store_console_free(struct store_console *console); /* takes NULL */
bool store_console_reconnect(struct store_console *console, struct err *err);

/*
 * Finds a record that is called by its id, by the first four or more digits of
 * it or by its name. Records that still exist come before deleted ones.
 * ERR_REFUSED is "not_found" or "ambiguous" (the text names some matches).
 */
bool store_console_find_credential(struct store_console *console,
	const char *called, char id[UUID_SIZE], struct err *err);
bool store_console_find_cluster(struct store_console *console,
	const char *called, char id[UUID_SIZE], struct err *err);

/* ---- Credentials ---- */

/* Inserts it and asks for its validation. "name_taken" when the name is. */
bool store_console_add_credential(struct store_console *console, const char *id,
	const char *name, const char *sealed_token, struct err *err);
/* A new token: takes the old one's place once it has been found good. */
bool store_console_rotate_credential(struct store_console *console,
	const char *id, const char *sealed_token, struct err *err);
bool store_console_validate_credential(
	struct store_console *console, const char *id, struct err *err);

/* "in_use" while clusters need it: the text names them. */
bool store_console_delete_credential(
	struct store_console *console, const char *id, struct err *err);

/* id, name, status, code, reason, created_at, validated_at. */
struct json_object *store_console_credential(
	struct store_console *console, const char *id, struct err *err);
struct json_object *store_console_credentials(
	struct store_console *console, struct err *err); /* an array */

/* ---- Clusters ---- */

struct cluster_wish {
	const char *id;
	const char *name;
	const char *credential_id;
	const char *location;
	const char *type;
	int workers;
	const char *server_type; /* NULL: the worker chooses */
	const char *ssh_sources; /* "{0.0.0.0/0,::/0}": a PostgreSQL array */
};

/*
 * Inserts it and asks for its provisioning. "credential_not_ready" when the
 * credential is not, with its status and what to do.
 */
bool store_console_create_cluster(struct store_console *console,
	const struct cluster_wish *wish, struct err *err);

/* Asks for the teardown. */
bool store_console_delete_cluster(
	struct store_console *console, const char *id, struct err *err);
/* Another attempt for a failed one; "not_failed" for any other. */
bool store_console_retry_cluster(
	struct store_console *console, const char *id, struct err *err);

/*
 * id, name, credential_id, location, type, workers, server_type, ssh_sources,
 * status, goal, run, code, reason, endpoint, created_at, changed_at.
 */
struct json_object *store_console_clusters(
	struct store_console *console, bool deleted_too, struct err *err);
/* The same with phases (of the current run) and resources. */
struct json_object *store_console_cluster(
	struct store_console *console, const char *id, struct err *err);

/* Sealed texts of a cluster and what they are good for. */
struct cluster_access {
	char name[NAME_SIZE];
	char *sealed_authorities; /* NULL: the keys are not made yet */
	char *sealed_ssh_private_key;
	char server[ADDRESS_SIZE];  /* the load balancer's; "": none yet */
	char gateway[ADDRESS_SIZE]; /* public; "": none yet */
};

bool store_console_access(struct store_console *console, const char *id,
	struct cluster_access *access, struct err *err);
void cluster_access_clear(struct cluster_access *access);

/* ---- Sealed values ---- */

/* Where they are. A credential's token may be there twice, as the newest one
 * and as the one in use: these move together. */
enum sealed_place {
	SEALED_TOKEN,
	SEALED_SSH_PRIVATE_KEY,
	SEALED_AUTHORITIES,
	SEALED_JOIN_TOKEN,
	SEALED_PLACE_COUNT,
};

struct sealed_value {
	char id[UUID_SIZE]; /* the record's */
	char *sealed;
	char *resealed; /* what is to take its place; NULL: it stays */
};
void sealed_value_clear(struct sealed_value *value);

/*
 * Reads up to `most` values that another key than `key_id` has sealed, behind
 * the value `after` (NULL: from the beginning), in a fixed order. The caller
 * clears each.
 */
bool store_console_sealed(struct store_console *console,
	enum sealed_place place, const char *key_id,
	const struct sealed_value *after, struct sealed_value *values,
	size_t most, size_t *count, struct err *err);

/*
 * In one transaction puts each `resealed` where still is what was read; what
 * somebody else has changed meanwhile stays as it is. Tells how many.
 */
bool store_console_reseal(struct store_console *console,
	enum sealed_place place, const struct sealed_value *values,
	size_t count, size_t *moved, struct err *err);

/* Is nothing sealed with this key any more? "key_needed" names what is. */
bool store_console_key_unneeded(
	struct store_console *console, const char *key_id, struct err *err);

/* ---- What goes on ---- */

/* The number of the event before the current run's first; -1 on failure. */
int64_t store_console_run_begin(
	struct store_console *console, const char *id, struct err *err);

/*
 * What has happened to a cluster since event `after`, and where it stands:
 * status, code, reason, endpoint, settled (nothing is under way or asked for),
 * done and total (phases of the run), and moments, each with `event` (a
 * CloudEvent) and `took_ms` (of a phase that ended, else null).
 */
struct json_object *store_console_watch(struct store_console *console,
	const char *id, int64_t after, struct err *err);

/*
 * schema_version, credentials and clusters (numbers by status), outbox (rows,
 * oldest_ms or null), phases (by status, of runs under way), leases (in force)
 * and workers (that hold them).
 */
struct json_object *store_console_status(
	struct store_console *console, struct err *err);
