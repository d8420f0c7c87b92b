/*
 * Firewalls. "applied_to" holds servers and label selectors; whom a selector
 * reaches is worked out anew whenever somebody looks.
 */
#include "firewall.h"
#include "firewall_rules.h"
#include "label.h"
#include "refresh.h"
#include "server.h"

#include <string.h>

static int64_t entry_server(const struct json_object *entry)
{
	return json_number(json_at(entry, "server"), "id");
}

static bool entry_covers(struct project *project,
	const struct json_object *entry, const struct resource *server)
{
	struct json_object *selector = json_at(entry, "label_selector");

	if (!selector)
		return entry_server(entry) == server->id;
	return selector_in(selector, json_at(server->body, "labels")) &&
	       server_is_public(project, server);
}

bool firewall_covers(struct project *project, const struct resource *firewall,
	const struct resource *server)
{
	const struct json_object *entries =
		json_at(firewall->body, "applied_to");

	for (size_t i = 0; i < json_count(entries); i++)
		if (entry_covers(project, json_nth(entries, i), server))
			return true;
	return false;
}

static struct json_object *server_entry(int64_t id)
{
	struct json_object *entry = json_literal("{'type': 'server'}");
	struct json_object *server = json_object_new_object();

	json_put_number(server, "id", id);
	json_put(entry, "server", server);
	return entry;
}

void firewall_refresh(struct project *project, struct resource *firewall)
{
	struct json_object *entries = json_at(firewall->body, "applied_to");

	for (size_t i = 0; i < json_count(entries); i++) {
		struct json_object *entry = json_nth(entries, i);
		struct json_object *reached = json_object_new_array();
		struct resource *server;

		if (!json_at(entry, "label_selector")) {
			json_object_put(reached);
			continue;
		}
		shelf_each(shelf_of(project, KIND_SERVER),
			server) if (entry_covers(project, entry, server))
			json_add(reached, server_entry(server->id));
		json_put(entry, "applied_to_resources", reached);
	}
}

/* The place of what is the same as the entry in the list, or its count. */
static size_t place_of(
	const struct json_object *entries, const struct json_object *entry)
{
	const char *wanted =
		json_text(json_at(entry, "label_selector"), "selector");
	size_t i;

	for (i = 0; i < json_count(entries); i++) {
		const struct json_object *other = json_nth(entries, i);
		const char *selector =
			json_text(json_at(other, "label_selector"), "selector");

		if (wanted ? selector && strcmp(selector, wanted) == 0
			   : !selector && entry_server(other) ==
						  entry_server(entry))
			break;
	}
	return i;
}

void firewall_take(struct resource *firewall, const struct resource *server)
{
	json_add(json_at(firewall->body, "applied_to"),
		server_entry(server->id));
}

void firewall_release(struct resource *firewall, int64_t server)
{
	struct json_object *entries = json_at(firewall->body, "applied_to");
	struct json_object *entry = server_entry(server);
	size_t place = place_of(entries, entry);

	if (place < json_count(entries))
		json_object_array_del_idx(entries, place, 1);
	json_object_put(entry);
}

/* A copy of one entry of apply_to or remove_from; NULL when refused. */
static struct json_object *read_entry(struct fields *in)
{
	static const char *const types[] = {"server", "label_selector", NULL};
	const char *type = want_word(in, "type", types);
	struct fields inner;

	if (!type)
		return NULL;
	if (!json_at(in->at, type)) {
		refuse_at(in, type, "is required");
		return NULL;
	}
	inner = fields_in(in, type);
	if (strcmp(type, "server") == 0) {
		int64_t id = want_id(&inner, "id");

		return in->call->refused ? NULL : server_entry(id);
	}

	const char *text = want_text(&inner, "selector");
	struct selector *selector = text ? selector_parse(text) : NULL;

	if (!selector) {
		refuse_at(&inner, "selector", "is not a label selector");
		return NULL;
	}
	selector_free(selector);
	return json_copy(in->at);
}

/* Whether the firewall can be applied to what the entry names. */
static bool may_apply(struct call *call, const struct json_object *applied,
	const struct json_object *entry)
{
	int64_t id = entry_server(entry);
	struct resource *server = resource_find(call->project, KIND_SERVER, id);

	if (id && !server)
		return refuse(call, "firewall_resource_not_found",
			"server with ID '%lld' not found", (long long)id);
	if (id && !server_is_public(call->project, server))
		return refuse(call, "private_net_only_server",
			"server with ID '%lld' has no public interface",
			(long long)id);
	if (place_of(applied, entry) < json_count(applied))
		return refuse(call, "firewall_already_applied",
			"firewall is already applied to the resource");
	return true;
}

/* Reads entries and adds each to the list; false when one is refused. */
static bool read_entries(
	struct fields *in, const char *key, struct json_object *applied)
{
	struct json_object *wanted = may_list(in, key, json_type_object);

	for (size_t i = 0; i < json_count(wanted); i++) {
		struct fields at = fields_nth(in, key, i);
		struct json_object *entry =
			in->call->refused ? NULL : read_entry(&at);

		if (!entry)
			return false;
		if (!may_apply(in->call, applied, entry)) {
			json_object_put(entry);
			return false;
		}
		json_add(applied, entry);
	}
	return !in->call->refused;
}

static void start_one(struct call *call, struct resource *firewall,
	const char *command, struct resource *server,
	struct json_object *actions)
{
	const struct plan plan = {
		.command = command,
		.seconds = 1,
		.subject = firewall,
		.other = server,
	};

	json_add(actions, resource_view(call->project,
				  action_start(call->project, &plan)));
}

/* Adds an action for each server among the entries from `first` on. */
static struct json_object *start_each(struct call *call,
	struct json_object *actions, const char *command,
	const struct json_object *entries, size_t first)
{
	struct resource *firewall = call->self;
	struct resource *server;

	shelf_each(shelf_of(call->project, KIND_SERVER),
		server) for (size_t i = first; i < json_count(entries);
			     i++) if (entry_covers(call->project,
					      json_nth(entries, i), server))
		start_one(call, firewall, command, server, actions);
	return actions;
}

bool create_firewall(struct call *call)
{
	struct fields in = fields_of(call);
	const char *name = want_name(&in, KIND_FIREWALL);
	struct json_object *body = json_literal("{'applied_to': []}");
	struct json_object *applied = json_at(body, "applied_to");

	json_put_text(body, "name", name);
	json_put(body, "labels", may_labels(&in));
	json_put(body, "rules", read_rules(&in));
	if (!read_entries(&in, "apply_to", applied) || call->refused ||
		!require_quota(call, KIND_FIREWALL)) {
		json_object_put(body);
		return false;
	}

	call->self = resource_new(call->project, KIND_FIREWALL, body);

	struct json_object *actions = start_each(
		call, json_object_new_array(), "apply_firewall", applied, 0);

	answer(call, 201, "firewall", resource_view(call->project, call->self));
	answer_add(call, "actions", actions);
	return true;
}

bool delete_firewall(struct call *call)
{
	if (json_count(json_at(call->self->body, "applied_to")))
		return refuse(call, "resource_in_use",
			"firewall with ID %lld is still in use",
			(long long)call->self->id);
	resource_remove(call->project, call->self);
	return answer_nothing(call);
}

bool set_firewall_rules(struct call *call)
{
	struct fields in = fields_of(call);
	struct json_object *rules = want_list(&in, "rules", json_type_object)
					    ? read_rules(&in)
					    : NULL;

	if (call->refused) {
		json_object_put(rules);
		return false;
	}
	json_put(call->self->body, "rules", rules);

	struct json_object *actions = json_object_new_array();

	start_one(call, call->self, "set_firewall_rules", NULL, actions);
	return answer(call, 201, "actions",
		start_each(call, actions, "apply_firewall",
			json_at(call->self->body, "applied_to"), 0));
}

bool apply_firewall(struct call *call)
{
	struct fields in = fields_of(call);
	struct json_object *applied = json_at(call->self->body, "applied_to");
	size_t before = json_count(applied);

	if (!want_list(&in, "apply_to", json_type_object))
		return false;
	if (!read_entries(&in, "apply_to", applied)) {
		json_object_array_del_idx(
			applied, before, json_count(applied) - before);
		return false;
	}
	return answer(call, 201, "actions",
		start_each(call, json_object_new_array(), "apply_firewall",
			applied, before));
}

/* Takes the entries that the request names out of the firewall. */
static bool take_out(struct fields *in, struct json_object *applied,
	struct json_object *gone)
{
	struct json_object *wanted =
		want_list(in, "remove_from", json_type_object);

	for (size_t i = 0; i < json_count(wanted); i++) {
		struct fields at = fields_nth(in, "remove_from", i);
		struct json_object *entry = read_entry(&at);

		if (!entry)
			return false;

		size_t place = place_of(applied, entry);

		json_add(gone, entry);
		if (place == json_count(applied))
			return refuse(in->call, "firewall_resource_not_found",
				"firewall is not applied to the resource");
		json_object_array_del_idx(applied, place, 1);
	}
	return !in->call->refused;
}

bool remove_firewall(struct call *call)
{
	struct fields in = fields_of(call);
	struct json_object *gone = json_object_new_array();
	bool well =
		take_out(&in, json_at(call->self->body, "applied_to"), gone);

	if (well)
		answer(call, 201, "actions",
			start_each(call, json_object_new_array(),
				"remove_firewall", gone, 0));
	json_object_put(gone);
	return well;
}
