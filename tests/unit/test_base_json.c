/* JSON in: what is read, what is complained about. JSON out: exact texts. */
#include <byoc/json.h>

#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <string.h>

static struct err err;
static struct json_object *root;

static struct json_in parse(const char *text)
{
	root = json_parse(text, strlen(text), &err);
	cr_assert_eq(err.kind, ERR_NONE, "%s: %s", text, err.text);
	return (struct json_in){root, "job", &err};
}

static void tear_down(void)
{
	json_free(root);
}

TestSuite(json_read, .fini = tear_down);

static void expect_complaint(const char *text)
{
	cr_assert_eq(err.kind, ERR_BAD_INPUT);
	cr_assert_str_eq(err.code, "bad_json");
	cr_assert_str_eq(err.text, text);
}

Test(json_read, reads_every_type)
{
	struct json_in in = parse("{\"i\": -9007199254740993, \"n\": 7,"
				  " \"t\": \"h\\u00e9\", \"b\": true,"
				  " \"o\": {\"x\": 1},"
				  " \"l\": [{\"y\": 2}], \"ids\": [3, 4]}");
	struct json_in inner;
	int64_t wide = 0;
	int number = 0;
	bool flag = false;
	char text[4];

	json_i64(&in, "i", &wide);
	cr_assert_eq(wide, -9007199254740993);
	json_int(&in, "n", &number);
	cr_assert_eq(number, 7);
	json_text(&in, "t", text, sizeof text);
	cr_assert_str_eq(text, "h\xc3\xa9");
	json_flag(&in, "b", &flag);
	cr_assert(flag);
	cr_assert(json_into(&in, "o", &inner));
	json_int(&inner, "x", &number);
	cr_assert_eq(number, 1);
	cr_assert_eq(json_count(&in, "l"), 1);
	cr_assert(json_element(&in, "l", 0, &inner));
	json_int(&inner, "y", &number);
	cr_assert_eq(number, 2);
	cr_assert_eq(json_element_i64(&in, "ids", 1), 4);
	cr_assert_eq(err.kind, ERR_NONE, "%s", err.text);
}

Test(json_read, gives_an_element_as_text_without_a_complaint)
{
	struct json_in in = parse("{\"l\": [\"a\", 5, null], \"n\": null}");

	cr_assert_str_eq(json_element_text_ref(&in, "l", 0), "a");
	cr_assert_str_eq(json_element_text_ref(&in, "l", 1), "5");
	cr_assert_null(json_element_text_ref(&in, "l", 2));
	cr_assert_null(json_element_text_ref(&in, "l", 3));
	cr_assert_null(json_element_text_ref(&in, "n", 0));
	cr_assert_null(json_element_text_ref(&in, "gone", 0));
	cr_assert_eq(err.kind, ERR_NONE, "%s", err.text);
}

Test(json_read, leaves_missing_optional_members_alone)
{
	struct json_in in = parse("{\"null\": null}");
	struct json_in inner;
	int64_t wide = 1;
	int number = 2;
	bool flag = true;
	char text[] = "as it was";

	json_opt_i64(&in, "gone", &wide);
	json_opt_int(&in, "null", &number);
	json_opt_flag(&in, "gone", &flag);
	json_opt_text(&in, "null", text, sizeof text);
	cr_assert_null(json_opt_text_ref(&in, "gone"));
	cr_assert_not(json_opt_into(&in, "null", &inner));
	cr_assert_eq(json_count(&in, "gone"), 0);
	cr_assert_eq(wide, 1);
	cr_assert_eq(number, 2);
	cr_assert(flag);
	cr_assert_str_eq(text, "as it was");
	cr_assert_eq(err.kind, ERR_NONE);
}

Test(json_read, names_the_place_of_the_first_complaint)
{
	struct json_in in = parse("{\"server\": {\"id\": \"7\"}}");
	struct json_in inner;
	int64_t id;
	bool flag;

	cr_assert(json_into(&in, "server", &inner));
	json_i64(&inner, "id", &id);
	json_flag(&in, "missing", &flag);
	expect_complaint("server.id: want an integer");
}

Test(json_read, complains_about_optional_members_of_a_wrong_type)
{
	struct json_in in = parse("{\"run\": 1.5}");
	int64_t run = 0;

	json_opt_i64(&in, "run", &run);
	expect_complaint("job.run: want an integer");
}

Test(json_read, refuses_a_text_that_does_not_fit)
{
	struct json_in in = parse("{\"name\": \"abcd\"}");
	char name[4] = "";

	json_text(&in, "name", name, sizeof name);
	expect_complaint("job.name: want a shorter text");
	cr_assert_str_eq(name, "");
}

Test(json_read, refuses_a_zero_byte_in_a_text)
{
	struct json_in in = parse("{\"name\": \"a\\u0000b\"}");

	cr_assert_null(json_text_ref(&in, "name"));
	expect_complaint("job.name: want a text without zero bytes");
}

Test(json_read, refuses_a_number_that_is_too_large)
{
	struct json_in in = parse("{\"run\": 2147483648}");
	int run = 0;

	json_int(&in, "run", &run);
	expect_complaint("job.run: want a small integer");
	cr_assert_eq(run, 0);
}

Test(json_read, takes_anything_but_an_object_as_empty)
{
	struct json_in in = parse("[1]");
	int64_t id;

	json_i64(&in, "id", &id);
	expect_complaint("job.id: want an integer");
}

Test(json_parse, refuses_what_is_not_one_json_value)
{
	static const char *const bad[] = {
		"",
		"{",
		"{}{}",
		"{} x",
		"{\"a\": 1,}",
		"nul",
		"\"\xff\"",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]"
		"]]]]]]]]]]",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err complaint = {0};
		cr_expect_null(json_parse(bad[i], strlen(bad[i]), &complaint));
		cr_expect_eq(complaint.kind, ERR_BAD_INPUT, "%s", bad[i]);
		cr_expect_str_eq(complaint.code, "bad_json", "%s", bad[i]);
	}
}

Test(json_parse, reads_no_further_than_its_size)
{
	struct err complaint = {0};
	struct json_object *object = json_parse("{}garbage", 2, &complaint);

	cr_assert(object);
	json_free(object);
	object = json_parse("12345", 2, &complaint);
	cr_assert_str_eq(json_write(object), "12");
	json_free(object);
}

Test(json_write, writes_compact_texts)
{
	struct json_object *object = json_new();
	struct json_object *list = json_new_array();

	json_add_text(object, "path", "/a/\"b\"");
	json_add_text(object, "nothing", NULL);
	json_add_i64(object, "id", INT64_MAX);
	json_add_bool(object, "yes", true);
	json_append_text(list, "one");
	json_append_i64(list, 2);
	json_append(list, json_new());
	json_add(object, "list", list);
	cr_assert_str_eq(json_write(object),
		"{\"path\":\"/a/\\\"b\\\"\",\"nothing\":null,"
		"\"id\":9223372036854775807,\"yes\":true,"
		"\"list\":[\"one\",2,{}]}");
	json_free(object);
}
