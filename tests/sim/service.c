/* The services of a load balancer. */
#include "load_balancer.h"

#include <string.h>

#define DEFAULT_CODES "[\"2??\", \"3??\"]"

static const char *const protocols[] = {"tcp", "http", "https", NULL};
static const char *const check_protocols[] = {"tcp", "http", NULL};

/* The entry that listens there, or the count. */
static size_t place_of(const struct json_object *services, int64_t port)
{
	size_t i = 0;

	while (i < json_count(services) &&
		json_number(json_nth(services, i), "listen_port") != port)
		i++;
	return i;
}

static void read_check_http(struct fields *outer, struct json_object *check)
{
	struct fields in = fields_in(outer, "http");
	struct json_object *codes =
		may_list(&in, "status_codes", json_type_string);
	struct json_object *http = json_object_new_object();

	json_put_text(http, "domain", may_text(&in, "domain", NULL));
	json_put_text(http, "path", may_text(&in, "path", "/"));
	json_put_text(http, "response", may_text(&in, "response", ""));
	json_put_flag(http, "tls", may_flag(&in, "tls", false));
	json_put(http, "status_codes",
		codes ? json_copy(codes) : json_literal(DEFAULT_CODES));
	json_put(check, "http", http);
}

/* What the request leaves out follows from the service itself. */
static struct json_object *read_check(
	struct fields *outer, const char *protocol, int64_t port)
{
	struct fields in = fields_in(outer, "health_check");
	struct json_object *check = json_object_new_object();
	bool is_tcp = protocol && strcmp(protocol, "tcp") == 0;
	const char *own = json_at(in.at, "protocol")
				  ? want_word(&in, "protocol", check_protocols)
				  : check_protocols[is_tcp ? 0 : 1];

	json_put_text(check, "protocol", own);
	json_put_number(check, "port", may_number(&in, "port", 1, 65535, port));
	json_put_number(
		check, "interval", may_number(&in, "interval", 3, 60, 15));
	json_put_number(
		check, "timeout", may_number(&in, "timeout", 1, 60, 10));
	json_put_number(check, "retries", may_number(&in, "retries", 1, 5, 3));
	if (own && strcmp(own, "http") == 0)
		read_check_http(&in, check);
	return check;
}

static struct json_object *read_certificates(struct fields *in)
{
	struct json_object *ids = may_list(in, "certificates", json_type_int);

	for (size_t i = 0; i < json_count(ids); i++)
		require_resource(in->call, KIND_CERTIFICATE,
			json_object_get_int64(json_nth(ids, i)),
			"certificates");
	return ids ? json_copy(ids) : json_object_new_array();
}

static struct json_object *read_http(struct fields *outer)
{
	struct fields in = fields_in(outer, "http");
	struct json_object *http = json_object_new_object();

	json_put_text(http, "cookie_name",
		may_text(&in, "cookie_name", "HCLBSTICKY"));
	json_put_number(http, "cookie_lifetime",
		may_number(&in, "cookie_lifetime", 1, INT32_MAX, 300));
	json_put(http, "certificates", read_certificates(&in));
	json_put_flag(
		http, "redirect_http", may_flag(&in, "redirect_http", false));
	json_put_flag(http, "sticky_sessions",
		may_flag(&in, "sticky_sessions", false));
	return http;
}

/* Ports of web services may be left out; those of TCP may not. */
static int64_t read_port(struct fields *in, const char *key,
	const char *protocol, int64_t otherwise)
{
	if (protocol && strcmp(protocol, "tcp") != 0)
		return may_number(in, key, 1, 65535, otherwise);
	return want_number(in, key, 1, 65535);
}

/* The service, complete; may be wrong when the call is refused by now. */
static struct json_object *compose(struct fields *in)
{
	const char *protocol = want_word(in, "protocol", protocols);
	bool is_https = protocol && strcmp(protocol, "https") == 0;
	int64_t listen =
		read_port(in, "listen_port", protocol, is_https ? 443 : 80);
	int64_t destination = read_port(in, "destination_port", protocol, 80);
	struct json_object *service = json_object_new_object();

	json_put_text(service, "protocol", protocol);
	json_put_number(service, "listen_port", listen);
	json_put_number(service, "destination_port", destination);
	json_put_flag(
		service, "proxyprotocol", may_flag(in, "proxyprotocol", false));
	json_put(
		service, "health_check", read_check(in, protocol, destination));
	if (protocol && strcmp(protocol, "tcp") != 0)
		json_put(service, "http", read_http(in));
	return service;
}

struct json_object *read_service(
	struct fields *in, const struct json_object *balancer)
{
	const struct json_object *services = json_at(balancer, "services");
	int64_t most = json_number(
		json_at(balancer, "load_balancer_type"), "max_services");
	struct json_object *service = compose(in);

	if (place_of(services, json_number(service, "listen_port")) <
		json_count(services))
		refuse(in->call, "source_port_already_used",
			"listen port %lld is already in use",
			(long long)json_number(service, "listen_port"));
	if ((int64_t)json_count(services) >= most)
		refuse(in->call, "resource_limit_exceeded",
			"load balancer cannot have more than %lld services",
			(long long)most);
	if (!in->call->refused)
		return service;
	json_object_put(service);
	return NULL;
}

static bool start(struct call *call, const char *command,
	struct json_object *detail,
	void (*effect)(
		struct project *, struct resource *, struct json_object *))
{

	const struct plan plan = {
		.command = command,
		.seconds = 1,
		.subject = call->self,
		.detail = detail,
		.effect = effect,
	};

	return act(call, &plan);
}

static void service_added(struct project *project, struct resource *balancer,
	struct json_object *service)
{
	(void)project;
	json_add(json_at(balancer->body, "services"), json_object_get(service));
}

bool add_service(struct call *call)
{
	struct fields in = fields_of(call);
	struct json_object *service;

	if (!require_idle(call, call->self, "conflict"))
		return false;
	service = read_service(&in, call->self->body);
	return service && start(call, "add_service", service, service_added);
}

/* The service that the request's listen_port names, or NULL: refused. */
static struct json_object *require_service(struct call *call, size_t *place)
{
	struct fields in = fields_of(call);
	int64_t port = want_number(&in, "listen_port", 1, 65535);
	struct json_object *services = json_at(call->self->body, "services");

	if (call->refused || !require_idle(call, call->self, "conflict"))
		return NULL;
	*place = place_of(services, port);
	if (*place == json_count(services)) {
		refuse(call, "not_found", "no service listens on port %lld",
			(long long)port);
		return NULL;
	}
	return json_nth(services, *place);
}

/* Lays what the request gives over what the service has, level by level. */
static void lay_over(struct json_object *base, struct json_object *changes)
{
	json_object_object_foreach(changes, key, value)
	{
		struct json_object *old = json_at(base, key);

		if (json_object_is_type(old, json_type_object) &&
			json_object_is_type(value, json_type_object))
			lay_over(old, value);
		else
			json_put(base, key, json_copy(value));
	}
}

bool update_service(struct call *call)
{
	size_t place;
	struct json_object *old = require_service(call, &place);
	struct json_object *merged;

	if (!old)
		return false;
	merged = json_copy(old);
	lay_over(merged, call->body);

	struct fields in = {.call = call, .at = merged};
	struct json_object *service = compose(&in);

	json_object_put(merged);
	if (call->refused) {
		json_object_put(service);
		return false;
	}
	json_object_array_put_idx(
		json_at(call->self->body, "services"), place, service);
	return start(call, "update_service", NULL, NULL);
}

bool delete_service(struct call *call)
{
	size_t place;

	if (!require_service(call, &place))
		return false;
	json_object_array_del_idx(
		json_at(call->self->body, "services"), place, 1);
	return start(call, "delete_service", NULL, NULL);
}
