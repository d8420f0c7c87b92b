/* Outcomes: one transaction stores all that have gathered. */
#include "rows.h"
#include "store.h"

#include <stdio.h>
#include <string.h>

const struct statement commit_phases = {"commit_phases",
	"SELECT n, verdict FROM byoc.commit_phases($1::byoc.outcome[])", 1,
	true};

const struct statement commit_credentials = {"commit_credentials",
	"SELECT n, verdict FROM byoc.commit_credentials($1::jsonb)", 1, true};

static const char *const verdict_text[] = {
	[OUTCOME_LOST] = "lost",
	[OUTCOME_STORED] = "stored",
	[OUTCOME_BUSY] = "busy",
};
_Static_assert(
	COUNT(verdict_text) == OUTCOME_VERDICT_COUNT, "name every verdict");
static const struct words verdict_words = {
	"verdict", verdict_text, COUNT(verdict_text)};

static const char *const result_text[] = {
	[RESULT_DONE] = "done",
	[RESULT_WAIT] = "wait",
	[RESULT_RETRY] = "retry",
	[RESULT_FAIL] = "fail",
	[RESULT_PARK] = "park",
	[RESULT_NOTE] = "note",
	[RESULT_READY] = "ready",
	[RESULT_INVALID] = "invalid",
};
_Static_assert(COUNT(result_text) == RESULT_COUNT, "name every result");
const struct words result_words = {"result", result_text, COUNT(result_text)};

/* What is not said is null to the database. */
static const char *known(const char *text)
{
	return text && *text ? text : NULL;
}

static void add_known(
	struct json_object *row, const char *key, const char *text)
{
	if (known(text))
		json_add_text(row, key, text);
}

static struct json_object *describe_cluster(const struct cluster *cluster)
{
	struct json_object *row = json_new();

	add_known(row, "server_type", cluster->server_type);
	add_known(row, "gateway_type", cluster->gateway_type);
	add_known(row, "ssh_public_key", cluster->ssh_public_key);
	json_add_text(
		row, "sealed_ssh_private_key", cluster->sealed_ssh_private_key);
	json_add_text(row, "sealed_authorities", cluster->sealed_authorities);
	json_add_text(row, "sealed_join_token", cluster->sealed_join_token);
	return row;
}

/* As byoc.found_resource. */
static void write_resource(struct rows *rows, const struct resource *resource)
{
	rows_next(rows);
	rows_add_text(
		rows, words_text(&resource_kind_words, (int)resource->kind));
	rows_add_i64(rows, resource->id);
	rows_add_text(rows, resource->name);
	rows_add_text(rows, resource->phase);
	rows_add_i64(rows, resource->index);
	rows_add_text(rows, known(resource->public_address));
	rows_add_text(rows, known(resource->private_address));
	rows_add_i64s(rows, resource->actions, resource->action_count);
	rows_add_text(rows, known(resource->why));
	rows_add_text(rows, known(resource->service));
}

static void write_resources(struct rows *rows,
	const struct resource *const *resources, size_t count)
{
	struct rows inner;

	if (!count) {
		rows_add_null(rows);
		return;
	}
	rows_begin(&inner);
	for (size_t i = 0; i < count; i++)
		write_resource(&inner, resources[i]);
	rows_add_rows(rows, &inner);
}

static struct json_object *describe_left(const struct left *left, size_t count)
{
	struct json_object *rows = json_new_array();

	for (size_t i = 0; i < count; i++) {
		struct json_object *row = json_new();
		json_add_text(row, "kind",
			words_text(&resource_kind_words,
				(int)left[i].resource->kind));
		json_add_i64(row, "id", left[i].resource->id);
		json_add_text(row, "name", left[i].resource->name);
		json_add_text(row, "why", left[i].resource->why);
		add_known(row, "service", left[i].resource->service);
		json_add_text(row, "fate", left[i].fate);
		json_add_bool(row, "lasting", left[i].lasting);
		json_append(rows, row);
	}
	return rows;
}

static void add_price(struct json_object *line, int64_t price)
{
	char text[32];

	if (price < 0)
		return;
	snprintf(text, sizeof text, "%lld.%04lld", (long long)(price / 1000000),
		(long long)(price % 1000000 / 100));
	json_add_text(line, "price_month", text);
}

static struct json_object *describe_lines(
	const struct left *lines, size_t count, int64_t *total)
{
	struct json_object *rows = json_new_array();

	for (size_t i = 0; i < count; i++) {
		const struct resource *resource = lines[i].resource;
		struct json_object *row = json_new();
		json_add_text(row, "kind",
			words_text(&resource_kind_words, (int)resource->kind));
		json_add_i64(row, "hetzner_id", resource->id);
		json_add_text(row, "name", resource->name);
		json_add_text(row, "why",
			resource->why ? resource->why : "made for the cluster");
		add_price(row, lines[i].price);
		json_append(rows, row);
		*total += lines[i].price > 0 ? lines[i].price : 0;
	}
	return rows;
}

static struct json_object *describe_plan(const struct outcome *outcome)
{
	struct json_object *plan = json_new();
	int64_t goes = 0, stays = 0;

	json_add(plan, "goes",
		describe_lines(outcome->goes, outcome->goes_count, &goes));
	json_add(plan, "stays",
		describe_lines(outcome->kept, outcome->kept_count, &stays));
	add_price(plan, goes);
	json_add_text(plan, "currency", outcome->currency);
	return plan;
}

static struct json_object *describe_refusal(const struct outcome *outcome)
{
	struct json_object *refused = json_new();

	json_add_text(refused, "sealed_token", outcome->refused_token);
	json_add_text(refused, "code", outcome->err->code);
	json_add_text(refused, "reason", outcome->err->text);
	return refused;
}

static bool is_to_come_again(const struct outcome *outcome)
{
	return outcome->result == RESULT_WAIT ||
	       outcome->result == RESULT_RETRY;
}

static const char *code_of(const struct outcome *outcome)
{
	return outcome->err && outcome->err->kind ? outcome->err->code : NULL;
}

static const char *reason_of(const struct outcome *outcome)
{
	if (outcome->err && outcome->err->kind)
		return outcome->err->text;
	return outcome->result == RESULT_WAIT ? outcome->waiting : NULL;
}

static void add_nulls(struct rows *rows, int count)
{
	for (int i = 0; i < count; i++)
		rows_add_null(rows);
}

/* swept, proven, kept */
static void write_teardown(struct rows *rows, const struct outcome *outcome)
{
	rows_add_text(rows, outcome->swept);
	if (outcome->proven_version)
		rows_add_i64(rows, outcome->proven_version);
	else
		rows_add_null(rows);
	rows_add_json(rows, describe_left(outcome->kept, outcome->kept_count));
}

/* resources, removed, and a teardown's */
static void write_changes(struct rows *rows, const struct outcome *outcome)
{
	write_resources(rows, outcome->recorded, outcome->recorded_count);
	rows_add_json(rows, outcome->removed_count
				    ? describe_left(outcome->removed,
					      outcome->removed_count)
				    : NULL);
	if (outcome->kept)
		write_teardown(rows, outcome);
	else
		add_nulls(rows, 3);
}

/* From credential on. A survey changes nothing. */
static void write_found(struct rows *rows, const struct outcome *outcome)
{
	bool plans = outcome->currency;

	rows_add_json(rows,
		outcome->refused_token ? describe_refusal(outcome) : NULL);
	rows_add_json(rows,
		outcome->cluster ? describe_cluster(outcome->cluster) : NULL);
	if (plans)
		add_nulls(rows, 5);
	else
		write_changes(rows, outcome);
	rows_add_json(rows, plans ? describe_plan(outcome) : NULL);
}

/* As byoc.outcome. */
static void write_phase(
	struct rows *rows, const struct outcome *outcome, size_t n)
{
	rows_next_phase(rows, outcome->job, n);
	rows_add_i64(rows, outcome->lease_token);
	rows_add_text(rows, result_text[outcome->result]);
	rows_add_text(rows, outcome->wait_queue);
	if (is_to_come_again(outcome))
		rows_add_i64(rows, outcome->delay_ms);
	else
		rows_add_null(rows);
	rows_add_text(rows, code_of(outcome));
	rows_add_text(rows, reason_of(outcome));
	rows_add_bool(rows, outcome->unanswered);
	rows_add_bool(rows, outcome->outage);
	write_found(rows, outcome);
}

static const char *write_phases(struct transaction *transaction,
	const struct outcome *outcomes, size_t count)
{
	struct rows rows;

	rows_begin(&rows);
	for (size_t i = 0; i < count; i++)
		write_phase(&rows, &outcomes[i], i);
	return rows_end(&rows, transaction->arena);
}

/* What is JSON already. */
static void add_written(
	struct json_object *row, const char *key, const char *text)
{
	struct err ignored = {0};

	if (text)
		json_add(row, key, json_parse(text, strlen(text), &ignored));
}

static struct json_object *describe_validation(
	const struct outcome *outcome, size_t n)
{
	struct json_object *row = json_new();

	json_add_i64(row, "n", (int64_t)n);
	json_add_text(row, "credential_id", outcome->job->subject);
	json_add_i64(row, "lease_token", outcome->lease_token);
	json_add_text(row, "result", result_text[outcome->result]);
	add_known(row, "queue", outcome->wait_queue);
	if (is_to_come_again(outcome))
		json_add_i64(row, "delay_ms", outcome->delay_ms);
	add_known(row, "code", code_of(outcome));
	add_known(row, "reason", reason_of(outcome));
	add_written(row, "prices", outcome->prices);
	add_written(row, "audit", outcome->audit);
	return row;
}

static const char *describe_validations(struct transaction *transaction,
	const struct outcome *outcomes, size_t count)
{
	struct json_object *rows = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_append(rows, describe_validation(&outcomes[i], i));
	return parameter_json(transaction, rows);
}

struct transaction *store_send_outcomes(
	struct store *store, const struct outcome *outcomes, size_t count)
{
	bool phases = outcomes[0].job->type == JOB_CLUSTER_PHASE;
	struct transaction *transaction =
		transaction_new(phases ? &commit_phases : &commit_credentials);

	transaction->parameters[0] =
		phases ? write_phases(transaction, outcomes, count)
		       : describe_validations(transaction, outcomes, count);
	store_send(store, LANE_OUTCOMES, transaction);
	return transaction;
}

void store_read_outcomes(const struct transaction *transaction,
	enum outcome_verdict *verdicts, size_t count)
{
	const PGresult *rows = transaction->rows;

	for (size_t i = 0; i < count; i++)
		verdicts[i] = OUTCOME_LOST;
	for (int i = 0; i < PQntuples(rows); i++) {
		size_t n = (size_t)store_i64(rows, i, 0);
		int verdict =
			words_find(&verdict_words, store_text(rows, i, 1));
		if (n < count && verdict >= 0)
			verdicts[n] = (enum outcome_verdict)verdict;
	}
}
