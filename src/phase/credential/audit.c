/*
 * Audit: what there is in the project of a token, kind by kind, and what it
 * costs a month. What of it is whose, the database knows. A token that is good
 * is good without that, too: where the project cannot be looked through, that
 * is the audit's answer.
 */
#include "parts.h"

#include <byoc/json.h>
#include <json-c/json.h>
#include <string.h>

static void write_audit(struct facts *facts, struct json_object *audit)
{
	facts->audit = arena_copy_text(facts->arena, json_write(audit));
	json_free(audit);
}

/* Only for what trying again does not mend: the rest is tried again. */
static enum verdict do_without(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct json_object *audit;

	if (reply->class == REPLY_BUSY)
		return phase_wait(facts, "Looking through the project", err);
	audit = json_new();
	reply_fail(reply, "Looking through the project", err);
	json_add_text(audit, "code", err->code);
	json_add_text(audit, "reason", err->text);
	*err = (struct err){0};
	write_audit(facts, audit);
	return VERDICT_NEXT;
}

static bool is_wanted(const struct facts *facts)
{
	return facts->audit_due && !facts->audit;
}

/* ---- inventory ---- */

bool inventory_met(const struct facts *facts)
{
	return !is_wanted(facts) ||
	       facts->memory.looked_through == RESOURCE_KIND_COUNT;
}

bool inventory_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	enum resource_kind kind =
		(enum resource_kind)facts->memory.looked_through;

	(void)err;
	request_get(&ask->request, facts->arena, "/%s?per_page=%d&page=%d",
		kind_plural(kind), PER_PAGE, phase_page(facts));
	return true;
}

/* What the cluster was to be, for the time that one thing of it is looked at.
 */
static void recall_cluster(struct facts *facts, const struct seen *seen)
{
	const char *id = seen_label(seen, LABEL_CLUSTER);

	facts->cluster = (struct cluster){0};
	for (size_t i = 0; id && i < facts->audited_count; i++)
		if (strcmp(facts->audited[i].id, id) == 0)
			facts->cluster = facts->audited[i];
}

/* What is wrong with it, should it be a cluster's; NULL: nothing is seen. */
static const char *fault_of(
	struct facts *facts, enum resource_kind kind, const struct seen *seen)
{
	recall_cluster(facts, seen);
	unsigned faults = faults_of(facts, kind, seen);
	facts->cluster = (struct cluster){0};
	for (int fault = 0; fault < FAULT_COUNT; fault++)
		if (faults & FAULT_BIT(fault))
			return fault_text((enum fault)fault);
	return NULL;
}

static void add_listed(
	struct facts *facts, enum resource_kind kind, const struct seen *seen)
{
	struct err ignored = {0};
	const struct json_in in = {seen->object, "object", &ignored};

	facts->listed =
		arena_grow(facts->arena, facts->listed, facts->listed_count,
			&facts->listed_room, sizeof *facts->listed);
	struct listed *listed = &facts->listed[facts->listed_count++];
	*listed = (struct listed){
		.kind = kind,
		.id = seen->id,
		.name = arena_copy_text(facts->arena, seen->name),
		.cluster = arena_copy_text(
			facts->arena, seen_label(seen, LABEL_CLUSTER)),
		.controlled = seen_label(seen, LABEL_CONTROLLER) ||
			      seen_label(seen, LABEL_SCALER),
		.network = seen->network,
		.server = seen->server,
		.fault = fault_of(facts, kind, seen),
	};
	if (kind == RESOURCE_PRIMARY_IP)
		json_opt_i64(&in, "assignee_id", &listed->server);
	bill_read(seen, &listed->bill);
}

enum verdict inventory_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	enum resource_kind kind =
		(enum resource_kind)facts->memory.looked_through;
	struct seen seen;

	if (reply->class != REPLY_OK)
		return do_without(facts, reply, err);
	if (!phase_is_list(reply, kind, err))
		return VERDICT_FAILED;
	for (size_t i = 0; i < reply_list_count(reply, kind); i++) {
		if (!reply_list_resource(reply, kind, i, &seen, err))
			return VERDICT_FAILED;
		add_listed(facts, kind, &seen);
	}
	facts->memory.looked_through += !phase_turn_page(facts, reply);
	return VERDICT_NEXT;
}

/* ---- inventory_prices ---- */

bool inventory_prices_met(const struct facts *facts)
{
	return !is_wanted(facts);
}

bool inventory_prices_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	return price_list_ask(facts, ask, err);
}

static struct json_object *describe(const struct listed *listed)
{
	struct json_object *row = json_new();

	json_add_text(row, "kind",
		words_text(&resource_kind_words, (int)listed->kind));
	json_add_i64(row, "id", listed->id);
	json_add_text(row, "name", listed->name);
	json_add_text(row, "cluster", listed->cluster);
	json_add_bool(row, "controlled", listed->controlled);
	json_add_text(row, "fault", listed->fault);
	if (listed->network)
		json_add_i64(row, "network", listed->network);
	if (listed->server)
		json_add_i64(row, "server", listed->server);
	if (listed->bill.price >= 0)
		json_add_i64(row, "price", listed->bill.price);
	return row;
}

enum verdict inventory_prices_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct err ignored = {0};
	struct json_in root = {reply->body, "answer", &ignored}, pricing;

	if (reply->class != REPLY_OK)
		return do_without(facts, reply, err);
	if (!json_opt_into(&root, "pricing", &pricing)) {
		err_set(err, ERR_RETRY, "bad_answer",
			"Hetzner's answer holds no prices.");
		return VERDICT_FAILED;
	}
	struct json_object *audit = json_new();
	struct json_object *things = json_new_array();
	json_add_text(
		audit, "currency", json_opt_text_ref(&pricing, "currency"));
	for (size_t i = 0; i < facts->listed_count; i++) {
		struct listed *listed = &facts->listed[i];
		bill_price(&pricing, listed->kind, &listed->bill);
		json_append(things, describe(listed));
	}
	json_add(audit, "things", things);
	write_audit(facts, audit);
	/* Prices that are due stand in the same answer. */
	return price_list_met(facts) ? VERDICT_NEXT
				     : price_list_take(facts, reply, err);
}
