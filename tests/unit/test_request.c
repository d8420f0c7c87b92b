/* Requests as values: paths, bodies, and the secret that is put into them. */
#include <byoc/hetzner.h>

#include <criterion/criterion.h>
#include <sodium.h>
#include <string.h>

static struct arena *arena;

static void set_up(void)
{
	cr_assert_geq(sodium_init(), 0);
	arena = arena_new();
}

static void tear_down(void)
{
	arena_free(arena);
}

TestSuite(request, .init = set_up, .fini = tear_down);

static void expect_body(struct request *request, const char *expected)
{
	struct secret body = {0};

	request_write_body(request, &body);
	cr_assert_str_eq(body.bytes, expected);
	cr_assert_eq(body.size, strlen(expected));
	secret_clear(&body);
	request_clear(request);
}

Test(request, methods_have_words)
{
	cr_assert_str_eq(method_word(METHOD_GET), "GET");
	cr_assert_str_eq(method_word(METHOD_POST), "POST");
	cr_assert_str_eq(method_word(METHOD_DELETE), "DELETE");
}

Test(request, formats_its_path)
{
	struct request request;

	request_get(&request, arena, "/servers/%d?name=%s", 42, "x");
	cr_assert_eq(request.method, METHOD_GET);
	cr_assert_str_eq(request.path, "/servers/42?name=x");
	cr_assert_null(request.body);
	expect_body(&request, "");
	request_delete(&request, arena, "/servers/%d", 42);
	cr_assert_eq(request.method, METHOD_DELETE);
}

Test(request, escapes_query_values)
{
	cr_assert_str_eq(request_escape(arena, "mengi.cloud/a=b,c~d-e_f"),
		"mengi.cloud%2Fa%3Db%2Cc~d-e_f");
	cr_assert_str_eq(request_escape(arena, "ä &"), "%C3%A4%20%26");
	cr_assert_str_eq(request_escape(arena, ""), "");
}

Test(request, writes_its_body)
{
	struct request request;
	struct json_object *body = json_new();

	json_add_text(body, "name", "a/b");
	request_post(&request, arena, body, "/servers");
	expect_body(&request, "{\"name\":\"a/b\"}");
}

Test(request, puts_user_data_into_the_body)
{
	static const char text[] = "#!/bin/sh\necho \"a\\b\"\t\r\x01ä/\n";
	struct request request;
	struct json_object *body = json_new();

	json_add_i64(body, "id", 1);
	request_post(&request, arena, body, "/servers");
	secret_set(&request.user_data, text, strlen(text));
	expect_body(&request,
		"{\"id\":1,\"user_data\":\"#!/bin/sh\\necho \\\"a\\\\b\\\""
		"\\t\\r\\u0001ä/\\n\"}");
}

Test(request, user_data_survives_the_way_there)
{
	char text[512];
	struct request request;
	struct secret body = {0};
	struct err err = {0};

	for (size_t i = 0; i < sizeof text - 1; i++)
		text[i] = (char)(1 + i % 126);
	text[sizeof text - 1] = '\0';
	request_post(&request, arena, json_new(), "/servers");
	secret_set(&request.user_data, text, strlen(text));
	request_write_body(&request, &body);
	struct json_object *read = json_parse(body.bytes, body.size, &err);
	struct json_in in = {read, "body", &err};
	cr_assert_str_eq(json_text_ref(&in, "user_data"), text);
	json_free(read);
	secret_clear(&body);
	request_clear(&request);
}

Test(request, user_data_can_be_all_there_is)
{
	struct request request;

	request_post(&request, arena, NULL, "/servers");
	secret_set(&request.user_data, "x", 1);
	expect_body(&request, "{\"user_data\":\"x\"}");
	request_post(&request, arena, json_new(), "/servers");
	secret_set(&request.user_data, "x", 1);
	expect_body(&request, "{\"user_data\":\"x\"}");
	request_post(&request, arena, json_new(), "/servers");
	secret_set(&request.user_data, "", 0);
	expect_body(&request, "{\"user_data\":\"\"}");
}

Test(request, a_cleared_one_can_be_cleared_again)
{
	struct request request;

	request_post(&request, arena, json_new(), "/servers");
	secret_set(&request.user_data, "x", 1);
	request_clear(&request);
	request_clear(&request);
	cr_assert_null(request.user_data.bytes);
}
