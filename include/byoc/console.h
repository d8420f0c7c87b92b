/*
 * Records as the operator sees them, for the command line. Records come as
 * JSON objects in the form that `--output json` prints, and hold nothing that
 * is sealed or secret; the caller frees them with json_free.
 *
 * Failures: ERR_RETRY when the database cannot be reached or the connection
 * broke (see console_reconnect), ERR_REFUSED when it says no.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/model.h>
#include <byoc/secret.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;
struct console;

/* Refuses a schema of another version than this program's. */
struct console *console_open(
	const struct secret *database_url, struct err *err);
void console_free(struct console *console); /* takes NULL */
bool console_reconnect(struct console *console, struct err *err);

/*
 * Finds a record that is called by its id, by the first four or more digits of
 * it or by its name. Records that still exist come before deleted ones.
 * ERR_REFUSED is "not_found" or "ambiguous" (the text names some matches).
 */
bool console_find_credential(struct console *console, const char *called,
	char id[UUID_SIZE], struct err *err);
bool console_find_cluster(struct console *console, const char *called,
	char id[UUID_SIZE], struct err *err);

/* ---- Credentials ---- */

/* Inserts it and asks for its validation. "name_taken" when the name is.
 * `recipient_key` NULL: nobody's. */
bool console_add_credential(struct console *console, const char *id,
	const char *name, const char *sealed_token, const char *recipient_key,
	struct err *err);
/* Whom the kubeconfigs of its clusters are sealed to from now on. */
bool console_set_recipient(struct console *console, const char *id,
	const char *recipient_key, struct err *err);
/* A new token: takes the old one's place once it has been found good, and of
 * the same project as the clusters, unless it may be of `any_project`. */
bool console_rotate_credential(struct console *console, const char *id,
	const char *sealed_token, bool any_project, struct err *err);
bool console_validate_credential(
	struct console *console, const char *id, struct err *err);

/* "in_use" while clusters need it: the text names them. Sets *was_there: it was
 * not deleted before. */
bool console_delete_credential(struct console *console, const char *id,
	bool *was_there, struct err *err);

/* Asks for a look through its project; gives the job's id. */
bool console_audit(struct console *console, const char *id, char job[UUID_SIZE],
	struct err *err);
/* The answer to that job: the data of its event. NULL: there is none yet. */
struct json_object *console_audited(struct console *console, const char *id,
	const char *job, struct err *err);
/* Asks for what a deleted cluster left to be deleted; "not_deleted" of any
 * other or of one that is not known. */
bool console_sweep_cluster(struct console *console, const char *credential,
	const char *id, struct err *err);

/* id, name, status, code, reason, recipient_key, created_at, validated_at. */
struct json_object *console_credential(
	struct console *console, const char *id, struct err *err);
struct json_object *console_credentials(
	struct console *console, struct err *err); /* an array */

/* Limits as numbers, "default" (as all), or NULL (as before). */
bool console_set_limits(struct console *console, const char *id,
	const char *clusters, const char *jobs, struct err *err);
/* id, name, clusters, most_clusters, jobs (that wait), most_jobs. */
struct json_object *console_limits(
	struct console *console, const char *id, struct err *err);

/* ---- Clusters ---- */

struct cluster_wish {
	const char *id;
	const char *name;
	const char *credential_id;
	const char *location;
	const char *type;
	int workers;
	const char *server_type;  /* NULL: the worker chooses */
	const char *ssh_sources;  /* "{192.0.2.0/24}": a PostgreSQL array */
	const char *api_sources;  /* the same */
	const char *pod_security; /* NULL: baseline */
	const char *ingress;      /* NULL: none */
	bool same_name; /* though the credential has one of that name */
};

/*
 * Inserts it and asks for its provisioning. "credential_not_ready" when the
 * credential is not, with its status and what to do; "name_taken" when it has a
 * cluster of that name.
 */
bool console_create_cluster(struct console *console,
	const struct cluster_wish *wish, struct err *err);

/*
 * What a project holds for a cluster, and what that costs a month: currency,
 * price_month, read_at and lines (what, name, count, price_month). Of one that
 * is merely wished for, and of one that there is. "no_prices" while none are
 * known.
 */
struct json_object *console_cost_of_wish(struct console *console,
	const struct cluster_wish *wish, struct err *err);
struct json_object *console_cost_of_cluster(
	struct console *console, const char *id, struct err *err);

/* Asks for the teardown; of `removal`, for what is decided. "cluster_protected"
 * when it is. */
bool console_delete_cluster(struct console *console, const char *id,
	const struct removal *removal, struct err *err);
/* Asks for the list of what that would take away; gives the job's id. */
bool console_plan_deletion(struct console *console, const char *id,
	const struct removal *removal, char job[UUID_SIZE], struct err *err);
/* The answer to that job: the data of its event. NULL: there is none yet. */
struct json_object *console_planned_deletion(struct console *console,
	const char *id, const char *job, struct err *err);
/* Protects it from that, or lets it be deleted again. */
bool console_protect_cluster(
	struct console *console, const char *id, bool protect, struct err *err);
/* Asks for what lacks to be made again; "not_running" unless it stands still
 * and runs. */
bool console_repair_cluster(
	struct console *console, const char *id, struct err *err);
/* Another attempt for a failed one; "not_failed" for any other. */
bool console_retry_cluster(
	struct console *console, const char *id, struct err *err);

/*
 * id, name, credential_id, location, type, workers, server_type, ssh_sources,
 * protected, status, goal, run, code, reason, endpoint, created_at, changed_at.
 */
struct json_object *console_clusters(
	struct console *console, bool deleted_too, struct err *err);
/* The same with swept_at, phases (of the current run), resources and receipt
 * (what deletions met with: fate, kind, id, name, why, at). */
struct json_object *console_cluster(
	struct console *console, const char *id, struct err *err);

/* Sealed texts of a cluster and what they are good for. */
struct cluster_access {
	char name[NAME_SIZE];
	char *sealed_authorities; /* NULL: the keys are not made yet */
	char *sealed_ssh_private_key;
	char server[ADDRESS_SIZE];  /* the load balancer's; "": none yet */
	char gateway[ADDRESS_SIZE]; /* public; "": none yet */
	bool deleted;               /* and its keys with it */
};

bool console_access(struct console *console, const char *id,
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
bool console_sealed(struct console *console, enum sealed_place place,
	const char *key_id, const struct sealed_value *after,
	struct sealed_value *values, size_t most, size_t *count,
	struct err *err);

/*
 * In one transaction puts each `resealed` where still is what was read; what
 * somebody else has changed meanwhile stays as it is. Tells how many.
 */
bool console_reseal(struct console *console, enum sealed_place place,
	const struct sealed_value *values, size_t count, size_t *moved,
	struct err *err);

/* Is nothing sealed with this key any more? "key_needed" names what is. */
bool console_key_unneeded(
	struct console *console, const char *key_id, struct err *err);

/* ---- What goes on ---- */

/*
 * `events`: the last `most` CloudEvents, of `cluster` or, if NULL, of all, the
 * oldest first. With `heads`, if wanted: {subject: number of its last event},
 * of all that there are.
 */
struct json_object *console_last_events(struct console *console,
	const char *cluster, const char *most, bool heads, struct err *err);
/*
 * `events` behind those numbers, the oldest first, a thousand at most (`more`:
 * there are more): of all (who has no number there has just begun), or of one
 * `subject`.
 */
struct json_object *console_events_behind(struct console *console,
	const char *subject, const char *heads, struct err *err);

/* The number of the event before the current run's first; -1 on failure. */
int64_t console_run_begin(
	struct console *console, const char *id, struct err *err);

/*
 * What has happened to a cluster since event `after`, and where it stands:
 * status, code, reason, endpoint, settled (nothing is under way or asked for),
 * active (a run is), run_ms (how long it has been so far, or was), done and
 * total (phases of the run), and moments, each with `event` (a CloudEvent) and
 * `took_ms` (of a phase that ended, else null). And phases: phase, index,
 * status, needs (names of phases), code, reason, from_ms (how long ago it
 * began) and took_ms (when it is over).
 */
struct json_object *console_watch(struct console *console, const char *id,
	int64_t after, struct err *err);

/*
 * How long a run with this cluster's present goal takes: the median of the last
 * of clusters of its type that came to a good end. -1: there was none yet.
 */
bool console_usual_run(struct console *console, const char *id,
	int64_t *usual_ms, struct err *err);

/*
 * name, status, run, total_ms, and phases of the current run in the order in
 * which they began: phase, index, status, from_ms (since the run's first
 * began; null: not yet) and until_ms (so far, when it is not over).
 */
struct json_object *console_timeline(
	struct console *console, const char *id, struct err *err);

/*
 * schema_version, credentials and clusters (numbers by status), outbox (rows,
 * oldest_ms or null), phases (by status, of runs under way), leases (in force)
 * and workers (that hold them).
 */
struct json_object *console_status(struct console *console, struct err *err);
