/*
 * Leases: all jobs that came in are claimed together, and each comes back with
 * everything that its phase may need to know; those in the air are held.
 */
#include "rows.h"
#include "store.h"
const struct statement renew_leases = {"renew_leases",
	"SELECT byoc.renew_leases($1::jsonb, $2::integer)", 2, false};

static bool is_phase(const struct job *job)
{
	return job->type == JOB_CLUSTER_PHASE;
}

static struct json_object *describe_subject(const struct job *job, size_t n)
{
	struct json_object *row = json_new();

	json_add_i64(row, "n", (int64_t)n);
	if (is_phase(job)) {
		json_add_text(row, "cluster_id", job->subject);
		json_add_i64(row, "run", job->run);
		json_add_text(row, "phase", job->phase);
		json_add_i64(row, "index", job->index);
	} else {
		json_add_text(row, "credential_id", job->subject);
	}
	return row;
}

/* As byoc.phase_job. What comes of it is the database's part. */
static void write_phase(
	struct rows *rows, const struct lease_ask *ask, size_t n)
{
	rows_next_phase(rows, ask->job, n);
	rows_add_text(rows, ask->job->id);
	rows_add_bool(rows, ask->mine);
	rows_add_null(rows); /* credential_id */
	rows_add_null(rows); /* verdict */
	rows_add_null(rows); /* wait_ms */
}

static const char *write_phases(struct transaction *transaction,
	const struct lease_ask *asks, size_t count)
{
	struct rows rows;

	rows_begin(&rows);
	for (size_t i = 0; i < count; i++)
		write_phase(&rows, &asks[i], i);
	return rows_end(&rows, transaction->arena);
}

static struct json_object *describe_validation(
	const struct lease_ask *ask, size_t n)
{
	struct json_object *row = describe_subject(ask->job, n);

	json_add_text(row, "job_id", ask->job->id);
	if (ask->job->type == JOB_CREDENTIAL_AUDIT)
		json_add_bool(row, "audit", true);
	if (ask->job->traceparent[0])
		json_add_text(row, "traceparent", ask->job->traceparent);
	if (ask->mine)
		json_add_bool(row, "mine", true);
	return row;
}

static const char *describe_validations(struct transaction *transaction,
	const struct lease_ask *asks, size_t count)
{
	struct json_object *rows = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_append(rows, describe_validation(&asks[i], i));
	return parameter_json(transaction, rows);
}

static struct json_object *describe_places(const struct lease_terms *terms)
{
	struct json_object *places = json_new();

	for (size_t i = 0; i < terms->place_count; i++)
		json_add_i64(places, terms->places[i].credential_id,
			terms->places[i].free);
	return places;
}

struct transaction *store_send_leases(struct store *store,
	const struct lease_terms *terms, const struct lease_ask *asks,
	size_t count)
{
	bool phases = is_phase(asks[0].job);
	struct transaction *transaction =
		transaction_new(phases ? &lease_phases : &lease_credentials);
	const char **parameters = transaction->parameters;

	parameters[0] = phases ? write_phases(transaction, asks, count)
			       : describe_validations(transaction, asks, count);
	parameters[1] = arena_copy_text(transaction->arena, terms->worker);
	parameters[2] = parameter_i64(transaction, terms->lease_ms);
	if (phases) {
		parameters[3] = parameter_i64(transaction, terms->share);
		parameters[4] =
			parameter_json(transaction, describe_places(terms));
	}
	store_send(store, LANE_INTAKE, transaction);
	return transaction;
}

struct transaction *store_send_renewals(struct store *store, int lease_ms,
	const struct renewal *renewals, size_t count)
{
	struct transaction *transaction = transaction_new(&renew_leases);
	struct json_object *rows = json_new_array();

	for (size_t i = 0; i < count; i++) {
		struct json_object *row = describe_subject(renewals[i].job, i);
		json_add_i64(row, "lease_token", renewals[i].lease_token);
		json_append(rows, row);
	}
	transaction->parameters[0] = parameter_json(transaction, rows);
	transaction->parameters[1] = parameter_i64(transaction, lease_ms);
	store_send(store, LANE_OUTCOMES, transaction);
	return transaction;
}
