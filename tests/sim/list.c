/*
 * Lists: what passes the filters, in the order that is asked for, cut to one
 * page. Only what is on the page is refreshed.
 */
#include "list.h"
#include "label.h"
#include "memory.h"
#include "router.h"

#include <errno.h>

struct picks {
	struct resource **items;
	size_t count;
};

/* Parameters that must equal the field of the same name. */
static const char *const exact[] = {
	"name", "status", "type", "architecture", "fingerprint", "ip"};

static bool passes_exact(
	const struct call *call, const struct resource *resource)
{
	for (size_t i = 0; i < COUNT(exact); i++) {
		const struct json_object *wanted =
			json_at(call->query, exact[i]);
		const char *value = json_text(resource->body, exact[i]);

		if (wanted && value && !json_holds_text(wanted, value))
			return false;
	}
	return true;
}

/* Reads a number from 1 up, if there is one; false when it is wrong. */
static bool page_number(struct call *call, const char *key, int64_t *number)
{
	const char *text = call_query(call, key);
	char *end;

	if (!text)
		return true;
	errno = 0;
	*number = strtoll(text, &end, 10);
	if (errno || *end || end == text || *number < 1 || *number > INT32_MAX)
		return refuse_query(call, key);
	return true;
}

static void add_or_null(
	struct json_object *to, const char *key, bool there, int64_t value)
{
	if (there)
		json_put_number(to, key, value);
	else
		json_put(to, key, NULL);
}

static struct json_object *meta(int64_t page, int64_t per_page, int64_t total)
{
	struct json_object *meta = json_object_new_object();
	struct json_object *pagination = json_object_new_object();
	int64_t last = total ? (total + per_page - 1) / per_page : 1;

	json_put_number(pagination, "page", page);
	json_put_number(pagination, "per_page", per_page);
	add_or_null(pagination, "previous_page", page > 1, page - 1);
	add_or_null(pagination, "next_page", page < last, page + 1);
	json_put_number(pagination, "last_page", last);
	json_put_number(pagination, "total_entries", total);
	json_put(meta, "pagination", pagination);
	return meta;
}

/* "created:desc" into its field and direction; false when not sortable. */
static bool sort_key(
	const char *text, enum kind kind, char field[static 16], int *direction)
{
	static const char *const common[] = {"id", "name", "created", NULL};
	static const char *const of_action[] = {
		"id", "command", "status", "started", "finished", NULL};
	size_t length = strcspn(text, ":");
	const char *order = text + length;

	snprintf(field, 16, "%.*s", (int)(length < 16 ? length : 15), text);
	*direction = strcmp(order, ":desc") == 0 ? -1 : 1;
	if (*order && strcmp(order, ":asc") != 0 && *direction == 1)
		return false;
	for (const char *const *known = kind == KIND_ACTION ? of_action
							    : common;
		*known; known++)
		if (strcmp(*known, field) == 0)
			return true;
	return false;
}

static int compare_by(
	const struct resource *a, const struct resource *b, const char *field)
{
	if (strcmp(field, "id") == 0)
		return (a->id > b->id) - (a->id < b->id);

	const char *left = json_text(a->body, field);
	const char *right = json_text(b->body, field);

	return strcmp(left ? left : "", right ? right : "");
}

/* qsort_r's order: the sort parameters one after the other, then the id. */
static int compare(const void *a, const void *b, void *context)
{
	const struct resource *left = *(struct resource *const *)a;
	const struct resource *right = *(struct resource *const *)b;
	const struct json_object *sorts = context;

	for (size_t i = 0; i < json_count(sorts); i++) {
		const char *text = json_object_get_string(json_nth(sorts, i));
		char field[16];
		int direction;

		sort_key(text, left->kind, field, &direction);

		int order = compare_by(left, right, field);

		if (order)
			return order * direction;
	}
	return compare_by(left, right, "id");
}

static bool sort(struct call *call, struct picks *picks, enum kind kind)
{
	struct json_object *sorts = json_at(call->query, "sort");
	char field[16];
	int direction;

	for (size_t i = 0; i < json_count(sorts); i++)
		if (!sort_key(json_object_get_string(json_nth(sorts, i)), kind,
			    field, &direction))
			return refuse_query(call, "sort");
	if (sorts && picks->count)
		qsort_r(picks->items, picks->count, sizeof *picks->items,
			compare, sorts);
	return true;
}

/* Sorts and answers with the page that is asked for. */
static bool answer_page(struct call *call, struct picks *picks, enum kind kind)
{
	int64_t page = 1, per_page = 25;

	if (!page_number(call, "page", &page) ||
		!page_number(call, "per_page", &per_page) ||
		!sort(call, picks, kind))
		return false;
	if (per_page > 50)
		per_page = 50;

	struct json_object *views = json_object_new_array();
	int64_t total = (int64_t)picks->count;

	for (int64_t i = (page - 1) * per_page;
		i < page * per_page && i < total; i++)
		json_add(views, resource_view(call->project, picks->items[i]));
	answer(call, 200, kinds[kind].many, views);
	answer_add(call, "meta", meta(page, per_page, total));
	return true;
}

static bool pick_labelled(
	struct call *call, const struct shelf *shelf, struct picks *picks)
{
	const char *text = call_query(call, "label_selector");
	struct selector *selector = selector_parse(text ? text : "");
	struct resource *resource;

	if (!selector)
		return refuse_query(call, "label_selector");
	shelf_each(
		shelf, resource) if (passes_exact(call, resource) &&
				     selector_matches(selector,
					     json_at(resource->body, "labels")))
		picks->items[picks->count++] = resource;
	selector_free(selector);
	return true;
}

static struct picks picks_for(const struct shelf *shelf)
{
	return (struct picks){.items = must_calloc(shelf->count + 1,
				      sizeof(struct resource *))};
}

bool list_kind(struct call *call)
{
	enum kind kind = call->route->kind;
	const struct shelf *shelf = shelf_of(call->project, kind);
	struct picks picks = picks_for(shelf);
	bool well = pick_labelled(call, shelf, &picks) &&
		    answer_page(call, &picks, kind);

	free(picks.items);
	return well;
}

/* Whether the action concerns the kind and, when id is not 0, that one. */
static bool concerns(const struct resource *action, enum kind kind, int64_t id)
{
	const struct json_object *all = json_at(action->body, "resources");

	for (size_t i = 0; i < json_count(all); i++) {
		const struct json_object *one = json_nth(all, i);

		if (strcmp(json_text(one, "type"), kinds[kind].one) == 0 &&
			(!id || json_number(one, "id") == id))
			return true;
	}
	return false;
}

bool list_actions(struct call *call)
{
	const struct shelf *shelf = shelf_of(call->project, KIND_ACTION);
	struct picks picks = picks_for(shelf);
	struct resource *action;

	shelf_each(shelf,
		action) if (concerns(action, call->route->kind, call->id) &&
			    passes_exact(call, action))
		picks.items[picks.count++] = action;

	bool well = answer_page(call, &picks, KIND_ACTION);

	free(picks.items);
	return well;
}

bool list_actions_by_id(struct call *call)
{
	const struct json_object *ids = json_at(call->query, "id");
	struct json_object *views = json_object_new_array();
	int64_t total = 0;

	if (!ids) {
		json_object_put(views);
		return refuse(call, "deprecated_api_endpoint",
			"listing all actions has been removed");
	}
	for (size_t i = 0; i < json_count(ids); i++) {
		const char *id = json_object_get_string(json_nth(ids, i));
		struct resource *action = resource_find(
			call->project, KIND_ACTION, strtoll(id, NULL, 10));

		if (!action || !passes_exact(call, action))
			continue;
		json_add(views, resource_view(call->project, action));
		total++;
	}
	answer(call, 200, "actions", views);
	answer_add(call, "meta", meta(1, total ? total : 25, total));
	return true;
}
