/* The renderer's rules. */
#include "render.h"

#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <sodium.h>
#include <string.h>

static void make_libsodium_ready(void)
{
	cr_assert_geq(sodium_init(), 0);
}

TestSuite(render, .init = make_libsodium_ready);

static void expect_rendered(
	const char *template, const struct values *values, const char *expected)
{
	struct secret out = {0};
	struct err err = {0};

	cr_assert(render(template, values, &out, &err), "%s", err.text);
	cr_expect_str_eq(out.bytes, expected);
	cr_expect_eq(out.size, strlen(expected));
	secret_clear(&out);
}

static void expect_bug(
	const char *template, const struct values *values, const char *code)
{
	struct secret out = {0};
	struct err err = {0};

	cr_expect_not(render(template, values, &out, &err), "%s", template);
	cr_expect_eq(err.kind, ERR_BUG);
	cr_expect_str_eq(err.code, code, "%s: %s", template, err.text);
	cr_expect_null(out.bytes);
	secret_clear(&out);
}

Test(render, puts_words_where_their_placeholders_are)
{
	struct values values = {0};

	values_text(&values, "name", "shop");
	values_text(&values, "range", "10.0.0.0/16");
	expect_rendered("", &values, "");
	expect_rendered("no placeholder", &values, "no placeholder");
	expect_rendered("a {{name}}: \"{{range}}\" {b}\n", &values,
		"a shop: \"10.0.0.0/16\" {b}\n");
	expect_rendered("{{name}}{{name}}", &values, "shopshop");
}

Test(render, takes_only_words_that_mean_themselves_everywhere)
{
	static const char *const bad[] = {"", " ", "a b", "a\"b", "a'b", "a\\b",
		"$(reboot)", "`reboot`", "a\nb", "a;b", "a#b", "a%b", "{a}",
		"[a]", "a&b", "*", "!", "|", "\xc3\xa4", "a\x01"};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct values values = {0};
		values_text(&values, "word", bad[i]);
		expect_bug("key: {{word}}\n", &values, "template_bad_value");
	}

	struct values values = {0};
	values_text(&values, "word", "aZ09._:/=@+-");
	expect_rendered("key: {{word}}\n", &values, "key: aZ09._:/=@+-\n");
}

Test(render, refuses_a_zero_byte_in_a_word)
{
	struct secret secret;
	struct values values = {0};

	secret_set(&secret, "a\0b", 3);
	values_secret(&values, "word", &secret);
	expect_bug("key: {{word}}\n", &values, "template_bad_value");
	secret_clear(&secret);
}

Test(render, indents_every_line_of_a_block)
{
	struct values values = {0};

	values_text(&values, "block", "one\n  two\n\n\tthree");
	expect_rendered("a: |\n    {{block}}\nb: c\n", &values,
		"a: |\n    one\n      two\n\n    \tthree\nb: c\n");
	expect_rendered("{{block}}", &values, "one\n  two\n\n\tthree\n");
}

Test(render, leaves_no_line_for_an_empty_block)
{
	struct values values = {0};

	values_text(&values, "block", "");
	expect_rendered("a\n  {{block}}\nb\n", &values, "a\nb\n");
}

Test(render, refuses_blocks_that_would_change_what_is_around_them)
{
	static const char *const bad[] = {" begins with a space",
		"\nbegins with an empty line", "a\rb", "a\x1b[0m", "a\x7f"};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct values values = {0};
		values_text(&values, "block", bad[i]);
		expect_bug("  {{block}}\n", &values, "template_bad_value");
	}
}

Test(render, does_not_look_for_placeholders_in_values)
{
	struct values values = {0};

	values_text(&values, "script", "{{name}} ${{x}}\n{{");
	expect_rendered("  {{script}}\n", &values, "  {{name}} ${{x}}\n  {{\n");
}

Test(render, refuses_names_without_a_value)
{
	struct values values = {0};

	values_text(&values, "known", "x");
	values_text(&values, "missing", NULL);
	expect_bug("{{unknown}}\n", &values, "template_unknown_name");
	expect_bug("a {{unknown}}\n", &values, "template_unknown_name");
	expect_bug("a {{missing}}\n", &values, "template_unknown_name");
	expect_bug("a {{know}}\n", &values, "template_unknown_name");
	expect_bug("a {{}}\n", &values, "template_unknown_name");
	expect_bug("a {{known\n}}\n", &values, "template_malformed");
}

Test(render, nests_templates)
{
	struct values values = {0};
	struct err err = {0};

	values_text(&values, "name", "shop");
	cr_assert(
		values_render(&values, "inner", "- {{name}}:\n  - x\n", &err));
	expect_rendered(
		"list:\n  {{inner}}\n", &values, "list:\n  - shop:\n    - x\n");
	values_clear(&values);
}

Test(render, shows_no_value_in_errors)
{
	struct values values = {0};
	struct secret out, secret;
	struct err err = {0};

	secret_set(&secret, "sword fish", 10);
	values_secret(&values, "token", &secret);
	cr_expect_not(render("a {{token}}", &values, &out, &err));
	cr_expect_null(strstr(err.text, "sword"));
	cr_expect(strstr(err.text, "token"));
	secret_clear(&secret);
}
