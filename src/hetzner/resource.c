/*
 * Resources as the API shows them. All kinds are read by one function, for
 * what they have in common has the same name in each; what a kind does not
 * have stays zero.
 */
#include <byoc/hetzner.h>

#include <json-c/json.h>
#include <string.h>

static const char *const plurals[] = {
	[RESOURCE_LOAD_BALANCER] = "load_balancers",
	[RESOURCE_SERVER] = "servers",
	[RESOURCE_VOLUME] = "volumes",
	[RESOURCE_NETWORK] = "networks",
	[RESOURCE_FIREWALL] = "firewalls",
	[RESOURCE_PLACEMENT_GROUP] = "placement_groups",
	[RESOURCE_SSH_KEY] = "ssh_keys",
	[RESOURCE_PRIMARY_IP] = "primary_ips",
	[RESOURCE_FLOATING_IP] = "floating_ips",
	[RESOURCE_CERTIFICATE] = "certificates",
};
_Static_assert(COUNT(plurals) == RESOURCE_KIND_COUNT, "name every kind");

const char *kind_plural(enum resource_kind kind)
{
	return plurals[kind];
}

const char *kind_singular(enum resource_kind kind)
{
	return words_text(&resource_kind_words, (int)kind);
}

static void read_public(const struct json_in *object, struct seen *seen)
{
	struct json_in public_net, ipv4;

	json_opt_text(object, "ip", seen->public_address,
		sizeof seen->public_address); /* an IP is one */
	if (json_opt_into(object, "public_net", &public_net) &&
		json_opt_into(&public_net, "ipv4", &ipv4))
		json_opt_text(&ipv4, "ip", seen->public_address,
			sizeof seen->public_address);
}

static void read_private(const struct json_in *object, struct seen *seen)
{
	struct json_in first;

	if (json_count(object, "private_net") == 0 ||
		!json_element(object, "private_net", 0, &first))
		return;
	json_opt_i64(&first, "network", &seen->network);
	json_opt_text(&first, "ip", seen->private_address,
		sizeof seen->private_address);
}

static void read_object(const struct json_in *object, struct seen *seen)
{
	struct err ignored = {0};
	const struct json_in loose = {object->at, object->where, &ignored};
	struct json_in labels, protection;

	*seen = (struct seen){.object = object->at};
	json_i64(object, "id", &seen->id);
	seen->name = json_opt_text_ref(object, "name");
	seen->created = json_opt_text_ref(object, "created");
	if (json_opt_into(object, "labels", &labels))
		seen->labels = labels.at;
	if (json_opt_into(object, "protection", &protection))
		json_opt_flag(
			&protection, "delete", &seen->protected_from_deletion);
	read_public(object, seen);
	read_private(object, seen);
	json_opt_i64(object, "server", &seen->server);
	/* A certificate's is an object, and nothing to us. */
	const char *status = json_opt_text_ref(&loose, "status");
	seen->deleting = status && strcmp(status, "deleting") == 0;
	if (!seen->name)
		seen->name = "";
	if (!seen->created)
		seen->created = "";
}

/* What cannot be read may be better the next time. */
static bool answered(const struct err *complaint, struct err *err)
{
	if (complaint->kind == ERR_NONE)
		return true;
	return err_set(err, ERR_RETRY, "bad_answer",
		"Hetzner's answer makes no sense: %s", complaint->text);
}

bool reply_resource(const struct reply *reply, enum resource_kind kind,
	struct seen *seen, struct err *err)
{
	struct err complaint = {0};
	struct json_in root = {reply->body, "answer", &complaint};
	struct json_in object;

	*seen = (struct seen){0};
	if (json_into(&root, kind_singular(kind), &object))
		read_object(&object, seen);
	return answered(&complaint, err);
}

static bool has_array(const struct reply *reply, const char *key)
{
	struct json_object *list = NULL;

	return json_object_object_get_ex(reply->body, key, &list) &&
	       json_object_is_type(list, json_type_array);
}

bool reply_is_list(const struct reply *reply, enum resource_kind kind)
{
	return has_array(reply, kind_plural(kind));
}

bool reply_is_action_list(const struct reply *reply)
{
	return has_array(reply, "actions");
}

size_t reply_list_count(const struct reply *reply, enum resource_kind kind)
{
	struct err ignored = {0};
	struct json_in root = {reply->body, "answer", &ignored};

	return json_count(&root, kind_plural(kind));
}

bool reply_list_resource(const struct reply *reply, enum resource_kind kind,
	size_t i, struct seen *seen, struct err *err)
{
	struct err complaint = {0};
	struct json_in root = {reply->body, "answer", &complaint};
	struct json_in object;

	*seen = (struct seen){0};
	if (json_element(&root, kind_plural(kind), i, &object))
		read_object(&object, seen);
	return answered(&complaint, err);
}

int reply_next_page(const struct reply *reply)
{
	struct err ignored = {0};
	struct json_in root = {reply->body, "answer", &ignored};
	struct json_in meta, pagination;
	int next = 0;

	if (json_opt_into(&root, "meta", &meta) &&
		json_opt_into(&meta, "pagination", &pagination))
		json_opt_int(&pagination, "next_page", &next);
	return next > 0 ? next : 0;
}

const char *seen_label(const struct seen *seen, const char *key)
{
	struct err ignored = {0};
	struct json_in labels = {seen->labels, "labels", &ignored};

	return json_opt_text_ref(&labels, key);
}

bool seen_on_network(
	const struct seen *seen, int64_t network, char address[ADDRESS_SIZE])
{
	struct err ignored = {0};
	struct json_in object = {seen->object, "object", &ignored};
	struct json_in place;
	size_t count = json_count(&object, "private_net");

	for (size_t i = 0; i < count; i++) {
		int64_t id = 0;
		if (!json_element(&object, "private_net", i, &place))
			return false;
		json_opt_i64(&place, "network", &id);
		if (id != network)
			continue;
		if (address)
			json_opt_text(&place, "ip", address, ADDRESS_SIZE);
		return true;
	}
	return false;
}
