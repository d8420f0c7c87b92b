/* What answers come down to: every code, and bodies that are none. */
#include <byoc/hetzner.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct reply read_text(int status, const char *body)
{
	struct reply reply;

	reply_read(&reply, status, body, strlen(body));
	return reply;
}

static const struct {
	const char *code;
	int status;
	enum reply_class class;
	enum err_kind kind;
} meanings[] = {
	{"unauthorized", 401, REPLY_CREDENTIAL, ERR_CREDENTIAL},
	{"token_readonly", 403, REPLY_CREDENTIAL, ERR_CREDENTIAL},
	{"forbidden", 403, REPLY_REFUSED, ERR_REFUSED},
	{"not_found", 404, REPLY_NOT_FOUND, ERR_RETRY},
	{"uniqueness_error", 409, REPLY_TAKEN, ERR_RETRY},
	{"conflict", 409, REPLY_BUSY, ERR_RETRY},
	{"locked", 423, REPLY_BUSY, ERR_RETRY},
	{"locked", 409, REPLY_BUSY, ERR_RETRY},
	{"resource_in_use", 422, REPLY_BUSY, ERR_RETRY},
	{"invalid_input", 400, REPLY_REFUSED, ERR_REFUSED},
	{"invalid_input", 422, REPLY_REFUSED, ERR_REFUSED},
	{"json_error", 400, REPLY_REFUSED, ERR_BUG},
	{"protected", 403, REPLY_PROTECTED, ERR_REFUSED},
	{"protected", 423, REPLY_PROTECTED, ERR_REFUSED},
	{"resource_limit_exceeded", 403, REPLY_REFUSED, ERR_REFUSED},
	{"resource_limit_exceeded", 412, REPLY_REFUSED, ERR_REFUSED},
	{"resource_unavailable", 412, REPLY_UNAVAILABLE, ERR_RETRY},
	{"resource_unavailable", 422, REPLY_UNAVAILABLE, ERR_RETRY},
	{"placement_error", 422, REPLY_UNAVAILABLE, ERR_RETRY},
	{"rate_limit_exceeded", 429, REPLY_RATE_LIMIT, ERR_RETRY},
	{"maintenance", 503, REPLY_TRANSIENT, ERR_RETRY},
	{"service_error", 500, REPLY_TRANSIENT, ERR_RETRY},
	{"server_error", 500, REPLY_TRANSIENT, ERR_RETRY},
	{"bad_gateway", 502, REPLY_TRANSIENT, ERR_RETRY},
	{"timeout", 504, REPLY_TRANSIENT, ERR_RETRY},
	{"unknown_error", 500, REPLY_TRANSIENT, ERR_RETRY},
	{"server_already_attached", 422, REPLY_ALREADY, ERR_RETRY},
	{"load_balancer_already_attached", 422, REPLY_ALREADY, ERR_RETRY},
	{"target_already_defined", 422, REPLY_ALREADY, ERR_RETRY},
	{"source_port_already_used", 422, REPLY_ALREADY, ERR_RETRY},
	{"ip_not_available", 422, REPLY_REFUSED, ERR_REFUSED},
	{"no_subnet_available", 422, REPLY_REFUSED, ERR_REFUSED},
	{"networks_overlap", 422, REPLY_REFUSED, ERR_REFUSED},
	{"deprecated_api_endpoint", 410, REPLY_REFUSED, ERR_BUG},
	{"something_new", 422, REPLY_REFUSED, ERR_REFUSED},
	{"something_new", 503, REPLY_TRANSIENT, ERR_RETRY},
};

Test(reply, knows_every_code)
{
	for (size_t i = 0; i < COUNT(meanings); i++) {
		char body[200];
		struct err err = {0};
		snprintf(body, sizeof body,
			"{\"error\":{\"code\":\"%s\",\"message\":\"So.\","
			"\"details\":null}}",
			meanings[i].code);
		struct reply reply = read_text(meanings[i].status, body);
		cr_assert_eq(
			reply.class, meanings[i].class, "%s", meanings[i].code);
		cr_assert_str_eq(reply.code, meanings[i].code);
		cr_assert_str_eq(reply.message, "So");
		cr_assert_not(reply_fail(&reply, "Doing it", &err));
		cr_assert_eq(
			err.kind, meanings[i].kind, "%s", meanings[i].code);
		cr_assert_eq(strncmp(err.text, "Doing it: So.", 13), 0);
		cr_assert_lt(strlen(err.text), sizeof err.text - 1);
		reply_clear(&reply);
	}
}

/* What stands between us and the API may say what it likes. */
Test(reply, no_verdict_without_hetzners_own_word)
{
	static const int statuses[] = {301, 400, 401, 403, 404, 408, 409, 410,
		412, 413, 418, 422, 423, 451, 500, 502, 503, 504};
	static const char *const bodies[] = {"",
		"<html><body>502 Bad Gateway</body></html>", "null", "[]", "1",
		"{\"error\":null}", "{\"error\":\"x\"}",
		"{\"error\":{\"code\":7,\"message\":[]}}",
		"{\"error\":{\"code\":\"\",\"details\":[1]}}"};

	for (size_t i = 0; i < COUNT(statuses); i++)
		for (size_t j = 0; j < COUNT(bodies); j++) {
			struct reply reply = read_text(statuses[i], bodies[j]);
			struct err err = {0};
			cr_assert_eq(reply.class, REPLY_TRANSIENT, "%d %s",
				statuses[i], bodies[j]);
			cr_assert_eq(strncmp(reply.code, "http_", 5), 0);
			cr_assert(reply.message[0]);
			reply_fail(&reply, "Asking Hetzner", &err);
			cr_assert_eq(err.kind, ERR_RETRY);
			reply_clear(&reply);
		}
}

/* Whoever says it: it is to be asked less often. */
Test(reply, too_many_requests_need_no_code)
{
	struct reply reply = read_text(429, "<html>");

	cr_assert_eq(reply.class, REPLY_RATE_LIMIT);
	reply_clear(&reply);
}

/* A code that is not in the table is Hetzner's word all the same. */
Test(reply, goes_by_status_where_the_code_is_new)
{
	static const struct {
		int status;
		enum reply_class class;
	} cases[] = {
		{401, REPLY_CREDENTIAL},
		{403, REPLY_REFUSED},
		{404, REPLY_NOT_FOUND},
		{408, REPLY_TRANSIENT},
		{409, REPLY_BUSY},
		{410, REPLY_REFUSED},
		{412, REPLY_UNAVAILABLE},
		{422, REPLY_REFUSED},
		{423, REPLY_BUSY},
		{429, REPLY_RATE_LIMIT},
		{500, REPLY_TRANSIENT},
		{503, REPLY_TRANSIENT},
		{301, REPLY_TRANSIENT},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reply reply = read_text(
			cases[i].status, "{\"error\":{\"code\":\"new\"}}");
		cr_assert_eq(
			reply.class, cases[i].class, "%d", cases[i].status);
		reply_clear(&reply);
	}
}

Test(reply, a_clusters_verdict_is_its_status_and_nothing_else)
{
	static const struct {
		int status;
		enum reply_class class;
		const char *code, *message;
	} cases[] = {
		{200, REPLY_OK, "", ""},
		{404, REPLY_NOT_FOUND, "http_404", "HTTP status 404"},
		{403, REPLY_REFUSED, "http_403", "HTTP status 403"},
		{401, REPLY_REFUSED, "http_401", "HTTP status 401"},
		{409, REPLY_REFUSED, "http_409", "HTTP status 409"},
		{429, REPLY_RATE_LIMIT, "http_429", "HTTP status 429"},
		{500, REPLY_TRANSIENT, "http_500", "HTTP status 500"},
		{301, REPLY_TRANSIENT, "http_301", "HTTP status 301"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reply reply;
		reply_read_cluster(&reply, cases[i].status);
		cr_assert_eq(
			reply.class, cases[i].class, "%d", cases[i].status);
		cr_assert_str_eq(reply.code, cases[i].code);
		cr_assert_str_eq(reply.message, cases[i].message);
		cr_assert_null(reply.body);
	}
}

Test(reply, names_the_fields_that_are_complained_of)
{
	struct reply reply = read_text(422,
		"{\"error\":{\"code\":\"invalid_input\",\"message\":"
		"\"invalid input\",\"details\":{\"fields\":[{\"name\":"
		"\"server_type\",\"messages\":[\"is unknown\",\"too long\"]},"
		"{\"name\":\"x\"},{}]}}}");

	cr_assert_str_eq(reply.message,
		"invalid input (server_type: is unknown; too long) (x) (?)");
	reply_clear(&reply);
}

Test(reply, tells_what_to_do)
{
	struct err err = {0};
	struct reply reply = read_text(403,
		"{\"error\":{\"code\":\"resource_limit_exceeded\","
		"\"message\":\"server limit exceeded\"}}");

	reply_fail(&reply, "Creating the server 'x'", &err);
	cr_assert_str_eq(err.code, "resource_limit_exceeded");
	cr_assert_str_eq(err.text,
		"Creating the server 'x': server limit exceeded. The project's "
		"limit is reached: raise it in the Hetzner Console (Limits) or "
		"remove what is not needed, then try again.");
	reply_clear(&reply);
}

Test(reply, names_bad_tokens_in_our_words)
{
	static const struct {
		int status;
		const char *body, *code;
	} cases[] = {
		{401, "{\"error\":{\"code\":\"new\"}}", "unknown_token"},
		{401, "{\"error\":{\"code\":\"unauthorized\"}}",
			"unknown_token"},
		{403, "{\"error\":{\"code\":\"token_readonly\"}}",
			"read_only_token"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = {0};
		struct reply reply = read_text(cases[i].status, cases[i].body);
		reply_fail(&reply, "Asking Hetzner", &err);
		cr_assert_eq(err.kind, ERR_CREDENTIAL);
		cr_assert_str_eq(err.code, cases[i].code);
		cr_assert(strstr(err.text, "Read & Write token"));
		reply_clear(&reply);
	}
}

Test(reply, a_lost_one_may_have_happened)
{
	struct reply reply;
	struct err err = {0};

	reply_lost(&reply, "connection refused");
	cr_assert_eq(reply.class, REPLY_TRANSIENT);
	cr_assert_eq(reply.status, 0);
	reply_fail(&reply, "Asking Hetzner", &err);
	cr_assert_eq(err.kind, ERR_RETRY);
	cr_assert_str_eq(err.code, "api_unreachable");
	reply_clear(&reply);
}

Test(reply, success_without_json_is_none)
{
	struct reply reply = read_text(204, "");

	cr_assert_eq(reply.class, REPLY_OK);
	reply_clear(&reply);
	reply = read_text(201, "{\"server\":{\"id\":");
	cr_assert_eq(reply.class, REPLY_TRANSIENT);
	cr_assert_str_eq(reply.code, "bad_answer");
	reply_clear(&reply);
	reply = read_text(200, "");
	cr_assert_eq(reply.class, REPLY_TRANSIENT);
	reply_clear(&reply);
}

Test(reply, reads_a_server)
{
	struct seen seen;
	struct err err = {0};
	char address[ADDRESS_SIZE] = "";
	struct reply reply = read_text(200,
		"{\"server\":{\"id\":42,\"name\":\"a\",\"status\":\"running\","
		"\"created\":\"2026-01-30T23:55:00Z\",\"labels\":{\"k\":\"v\"},"
		"\"protection\":{\"delete\":true,\"rebuild\":true},"
		"\"public_net\":{\"ipv4\":{\"id\":1,\"ip\":\"203.0.113.1\"},"
		"\"ipv6\":null},\"private_net\":[{\"network\":7,\"ip\":"
		"\"10.0.0.2\"},{\"network\":8,\"ip\":\"10.1.0.2\"}]}}");

	cr_assert(reply_resource(&reply, RESOURCE_SERVER, &seen, &err));
	cr_assert_eq(seen.id, 42);
	cr_assert_str_eq(seen.name, "a");
	cr_assert_str_eq(seen.created, "2026-01-30T23:55:00Z");
	cr_assert_str_eq(seen.public_address, "203.0.113.1");
	cr_assert_str_eq(seen.private_address, "10.0.0.2");
	cr_assert_eq(seen.network, 7);
	cr_assert(seen.protected_from_deletion);
	cr_assert_not(seen.deleting);
	cr_assert_str_eq(seen_label(&seen, "k"), "v");
	cr_assert_null(seen_label(&seen, "x"));
	cr_assert(seen_on_network(&seen, 8, address));
	cr_assert_str_eq(address, "10.1.0.2");
	cr_assert_not(seen_on_network(&seen, 9, NULL));
	reply_clear(&reply);
}

Test(reply, reads_what_has_nothing)
{
	struct seen seen;
	struct err err = {0};
	struct reply reply = read_text(200,
		"{\"server\":{\"id\":42,\"public_net\":{\"ipv4\":null},"
		"\"private_net\":[],\"labels\":null,\"status\":\"deleting\"}}");

	cr_assert(reply_resource(&reply, RESOURCE_SERVER, &seen, &err));
	cr_assert_str_eq(seen.name, "");
	cr_assert_str_eq(seen.public_address, "");
	cr_assert(seen.deleting);
	cr_assert_null(seen_label(&seen, "k"));
	reply_clear(&reply);
}

Test(reply, complains_of_what_makes_no_sense)
{
	static const char *const bodies[] = {"{}", "{\"server\":null}",
		"{\"server\":[]}", "{\"server\":{}}",
		"{\"server\":{\"id\":\"1\"}}",
		"{\"server\":{\"id\":1,\"name\":[]}}",
		"{\"server\":{\"id\":1,\"private_net\":[7]}}",
		"{\"server\":{\"id\":1,\"public_net\":{\"ipv4\":{\"ip\":"
		"\"12345678901234567890123456789012345678901234567890\"}}}}"};

	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct seen seen;
		struct err err = {0};
		struct reply reply = read_text(200, bodies[i]);
		cr_assert_not(
			reply_resource(&reply, RESOURCE_SERVER, &seen, &err),
			"%s", bodies[i]);
		cr_assert_eq(err.kind, ERR_RETRY);
		cr_assert_str_eq(err.code, "bad_answer");
		reply_clear(&reply);
	}
}

Test(reply, reads_lists_and_pages)
{
	struct seen seen;
	struct err err = {0};
	struct reply reply = read_text(200,
		"{\"volumes\":[{\"id\":1,\"server\":null},{\"id\":2,\"server\":"
		"9}],\"meta\":{\"pagination\":{\"page\":1,\"next_page\":2}}}");

	cr_assert(reply_is_list(&reply, RESOURCE_VOLUME));
	cr_assert_not(reply_is_list(&reply, RESOURCE_SERVER));
	cr_assert_eq(reply_list_count(&reply, RESOURCE_VOLUME), 2);
	cr_assert(reply_list_resource(&reply, RESOURCE_VOLUME, 1, &seen, &err));
	cr_assert_eq(seen.id, 2);
	cr_assert_eq(seen.server, 9);
	cr_assert_eq(reply_next_page(&reply), 2);
	cr_assert_not(
		reply_list_resource(&reply, RESOURCE_VOLUME, 2, &seen, &err));
	reply_clear(&reply);

	reply = read_text(200, "{\"volumes\":{},\"meta\":{\"pagination\":"
			       "{\"page\":2,\"next_page\":null}}}");
	cr_assert_not(reply_is_list(&reply, RESOURCE_VOLUME));
	cr_assert_eq(reply_next_page(&reply), 0);
	reply_clear(&reply);
	reply = read_text(204, "");
	cr_assert_not(reply_is_list(&reply, RESOURCE_VOLUME));
	cr_assert_eq(reply_list_count(&reply, RESOURCE_VOLUME), 0);
	cr_assert_eq(reply_next_page(&reply), 0);
	reply_clear(&reply);
}

Test(reply, every_kind_has_its_names)
{
	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++) {
		const char *one = kind_singular((enum resource_kind)kind);
		const char *many = kind_plural((enum resource_kind)kind);
		cr_assert_eq(strncmp(one, many, strlen(one)), 0);
		cr_assert_str_eq(many + strlen(one), "s");
	}
}

Test(reply, collects_the_actions_that_have_not_succeeded)
{
	int64_t ids[RESOURCE_ACTIONS];
	struct reply reply = read_text(201,
		"{\"action\":{\"id\":1,\"status\":\"running\"},\"next_actions\":"
		"[{\"id\":2,\"status\":\"running\"},{\"id\":3,\"status\":"
		"\"success\"}],\"actions\":[{\"id\":4,\"status\":\"error\"}]}");

	cr_assert_eq(reply_actions(&reply, ids, COUNT(ids)), 3);
	cr_assert_eq(ids[0], 1);
	cr_assert_eq(ids[1], 4);
	cr_assert_eq(ids[2], 2);
	cr_assert_eq(reply_actions(&reply, ids, 1), 1);
	reply_clear(&reply);
	reply = read_text(201, "{\"action\":null,\"next_actions\":[]}");
	cr_assert_eq(reply_actions(&reply, ids, COUNT(ids)), 0);
	reply_clear(&reply);
}

Test(reply, tells_an_actions_status)
{
	struct err err = {0};
	struct reply reply = read_text(200,
		"{\"actions\":[{\"id\":1,\"status\":\"running\"},{\"id\":2,"
		"\"status\":\"success\",\"error\":null},{\"id\":3,\"command\":"
		"\"create_server\",\"status\":\"error\",\"error\":{\"code\":"
		"\"resource_unavailable\",\"message\":\"sold out\"}}]}");

	cr_assert(reply_is_action_list(&reply));
	cr_assert_eq(reply_action_status(&reply, 1, &err), ACTION_RUNNING);
	cr_assert_eq(reply_action_status(&reply, 2, &err), ACTION_SUCCESS);
	cr_assert_eq(reply_action_status(&reply, 9, &err), ACTION_UNKNOWN);
	cr_assert_eq(err.kind, ERR_NONE);
	cr_assert_eq(reply_action_status(&reply, 3, &err), ACTION_ERROR);
	cr_assert_eq(err.kind, ERR_RETRY);
	cr_assert_str_eq(err.code, "resource_unavailable");
	cr_assert_str_eq(err.text, "create_server: sold out");
	reply_clear(&reply);
}
