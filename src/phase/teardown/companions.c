/*
 * What is at the cluster's servers and balancers: volumes, addresses,
 * certificates. While these are there they tell of it, and afterwards nobody
 * does: so it is recorded as a candidate, and judged when they are gone.
 */
#include "belongs.h"
#include "parts.h"

#include <byoc/json.h>
#include <stdio.h>
#include <string.h>

#define AT_SERVER "at_server"
/* A candidate's name there: the Services that it was used for, shortened. */
#define AT_BALANCER "at_balancer"

bool remove_is_lent(enum resource_kind kind)
{
	return kind == RESOURCE_FLOATING_IP || kind == RESOURCE_CERTIFICATE;
}

bool remove_is_candidate(const struct fact_resource *fact)
{
	return strcmp(fact->resource.phase, AT_SERVER) == 0 ||
	       strcmp(fact->resource.phase, AT_BALANCER) == 0;
}

void remove_drop_candidate(
	struct facts *facts, enum resource_kind kind, int64_t id)
{
	struct fact_resource *fact = facts_with_id(facts, kind, id);

	if (fact && remove_is_candidate(fact))
		fact->change = CHANGE_REMOVE;
}

static struct fact_resource *add_candidate(struct facts *facts,
	const char *phase, enum resource_kind kind, int64_t id)
{
	struct resource resource = {.kind = kind, .id = id};

	if (!id || facts_with_id(facts, kind, id))
		return NULL;
	snprintf(resource.phase, sizeof resource.phase, "%s", phase);
	resource.index = facts_next_index(facts, phase);
	facts_record(facts, &resource);
	return facts_with_id(facts, kind, id);
}

void remove_add_ids(struct facts *facts, const struct json_in *in,
	const char *key, struct found *found)
{
	size_t count = json_count(in, key);

	for (size_t i = 0; i < count; i++) {
		int64_t id = json_element_i64(in, key, i);
		if (id)
			found_add(facts->arena, found, id, "");
	}
}

/* ---- At a server ---- */

static void add_listed(struct facts *facts, const struct json_in *in,
	const char *key, enum resource_kind kind)
{
	struct found found = {0};

	remove_add_ids(facts, in, key, &found);
	for (size_t i = 0; i < found.count; i++)
		add_candidate(facts, AT_SERVER, kind, found.items[i].id);
}

/*
 * An address that came with a server of ours goes with it by itself. One that
 * bears our label, is on its way out and recorded no more was looked at before
 * it was deleted.
 */
static bool has_own_address(
	const struct facts *facts, const struct seen *server)
{
	const struct fact_resource *fact =
		facts_with_id(facts, RESOURCE_SERVER, server->id);

	if (!fact)
		return server->deleting && seen_label(server, LABEL_CLUSTER);
	return fact->resource.public_address[0] &&
	       strcmp(fact->resource.public_address, server->public_address) ==
		       0;
}

static void add_addresses(struct facts *facts, const struct seen *server,
	const struct json_in *public_net)
{
	static const char *const families[] = {"ipv4", "ipv6"};
	struct json_in address;

	if (has_own_address(facts, server))
		return;
	for (size_t i = 0; i < COUNT(families); i++) {
		int64_t id = 0;
		if (json_opt_into(public_net, families[i], &address))
			json_opt_i64(&address, "id", &id);
		add_candidate(facts, AT_SERVER, RESOURCE_PRIMARY_IP, id);
	}
}

void remove_add_companions(struct facts *facts, const struct seen *server)
{
	struct err ignored = {0};
	struct json_in in = {server->object, "server", &ignored}, public_net;

	add_listed(facts, &in, "volumes", RESOURCE_VOLUME);
	remove_add_ids(facts, &in, "load_balancers", &facts->memory.fronts);
	if (!json_opt_into(&in, "public_net", &public_net))
		return;
	add_addresses(facts, server, &public_net);
	add_listed(facts, &public_net, "floating_ips", RESOURCE_FLOATING_IP);
}

/* ---- At a balancer ---- */

enum { SHORT_SERVICE = 8 };

static bool has_service(
	const struct resource *candidate, const char *service, size_t length)
{
	const char *word = candidate->name;

	for (; *word; word += strcspn(word, " "), word += *word == ' ')
		if (strcspn(word, " ") == length &&
			strncmp(word, service, length) == 0)
			return true;
	return false;
}

/* A Service's uid, as far as it is kept. */
static size_t service_length(const char *service)
{
	return strnlen(service, SHORT_SERVICE);
}

/* Was that news? What does not fit is not deleted, but told of. */
static bool note_service(struct fact_resource *fact, const char *service)
{
	struct resource *candidate = &fact->resource;
	size_t length = service_length(service);
	size_t used = strlen(candidate->name);

	if (has_service(candidate, service, length) ||
		used + length + 2 > sizeof candidate->name)
		return false;
	snprintf(candidate->name + used, sizeof candidate->name - used,
		"%s%.*s", used ? " " : "", (int)length, service);
	fact->change = CHANGE_RECORD;
	fact->noted = false;
	return true;
}

static bool add_certificate(
	struct facts *facts, int64_t id, const char *service)
{
	struct fact_resource *fact =
		add_candidate(facts, AT_BALANCER, RESOURCE_CERTIFICATE, id);
	bool is_new = fact != NULL;

	if (!fact)
		fact = facts_with_id(facts, RESOURCE_CERTIFICATE, id);
	if (fact && service && remove_is_candidate(fact))
		is_new |= note_service(fact, service);
	return is_new;
}

bool remove_add_certificates(struct facts *facts, const struct seen *balancer)
{
	const char *controller = seen_label(balancer, LABEL_CONTROLLER);
	struct err ignored = {0};
	struct json_in in = {balancer->object, "load_balancer", &ignored};
	struct json_in service, http;
	struct found found = {0};
	bool news = false;

	for (size_t i = 0; i < json_count(&in, "services"); i++)
		if (json_element(&in, "services", i, &service) &&
			json_opt_into(&service, "http", &http))
			remove_add_ids(facts, &http, "certificates", &found);
	for (size_t i = 0; i < found.count; i++)
		news |= add_certificate(facts, found.items[i].id, controller);
	return news;
}

/* A balancer without one is nobody's whom we know. */
const char *remove_service_of(
	const struct facts *facts, const struct seen *balancer)
{
	const char *service = seen_label(balancer, LABEL_CONTROLLER);

	return service && *service ? arena_copy_text(facts->arena, service)
				   : NULL;
}

bool remove_is_made_anew(const struct facts *facts, const struct seen *balancer)
{
	const char *service = seen_label(balancer, LABEL_CONTROLLER);
	struct err ignored = {0};
	struct json_in in = {balancer->object, "load_balancer", &ignored};

	if (!service || json_count(&in, "targets") > 0 ||
		json_count(&in, "private_net") > 0)
		return false;
	for (size_t i = 0; i < facts->removal.service_count; i++)
		if (strcmp(service, facts->removal.services[i]) == 0)
			return true;
	return false;
}

void remove_ask_list(const struct facts *facts, struct request *request,
	enum resource_kind kind, int page)
{
	if (kind == RESOURCE_LOAD_BALANCER && remove_is_sweep(facts) &&
		facts->removal.service_count > 0)
		request_get(request, facts->arena,
			"/load_balancers?per_page=%d&page=%d", PER_PAGE, page);
	else
		phase_ask_list(facts, request, kind, page);
}

bool remove_is_of_our_service(
	const struct facts *facts, const struct seen *certificate)
{
	const struct fact_resource *fact =
		facts_with_id(facts, RESOURCE_CERTIFICATE, certificate->id);
	const char *service = seen_label(certificate, LABEL_CONTROLLER);
	struct err ignored = {0};
	struct json_in in = {certificate->object, "certificate", &ignored};
	const char *type = json_opt_text_ref(&in, "type");

	return fact && service && type && strcmp(type, "managed") == 0 &&
	       has_service(&fact->resource, service, service_length(service));
}

/* ---- Who has the use of it ---- */

/* Also one that has been deleted in this lease. */
static bool was_ours(
	const struct facts *facts, enum resource_kind kind, int64_t id)
{
	for (size_t i = 0; i < facts->resource_count; i++)
		if (facts->resources[i].resource.kind == kind &&
			facts->resources[i].resource.id == id)
			return true;
	return false;
}

struct remove_users remove_users_of(const struct facts *facts,
	enum resource_kind kind, const struct seen *seen)
{
	struct remove_users users = {0};
	struct err ignored = {0};
	struct json_in in = {seen->object, "object", &ignored}, user;

	if (kind == RESOURCE_FLOATING_IP && seen->server) {
		bool ours = was_ours(facts, RESOURCE_SERVER, seen->server);
		users.ours = ours;
		users.others = !ours;
	}
	for (size_t i = 0;
		kind == RESOURCE_CERTIFICATE && i < json_count(&in, "used_by");
		i++) {
		int64_t id = 0;
		if (json_element(&in, "used_by", i, &user))
			json_opt_i64(&user, "id", &id);
		bool ours = was_ours(facts, RESOURCE_LOAD_BALANCER, id);
		users.ours |= ours;
		users.others |= !ours;
	}
	return users;
}
