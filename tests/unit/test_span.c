/* Spans follow W3C's trace contexts, and are written as OTLP has them. */
#include <byoc/span.h>

#include <byoc/err.h>
#include <byoc/json.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

Test(span, follows_a_traceparent)
{
	struct span span;

	cr_assert(span_follow(&span, "00-" TRACE "-" PARENT "-01"));
	cr_expect_str_eq(span.trace, TRACE);
	cr_expect_str_eq(span.parent, PARENT);
	cr_expect_eq(strlen(span.id), 16);
	cr_expect_str_neq(span.id, PARENT);
}

Test(span, is_not_recorded_where_the_trace_is_not)
{
	struct span span;

	cr_expect_not(span_follow(&span, "00-" TRACE "-" PARENT "-00"));
	cr_expect_not(span_follow(&span, "00-" TRACE "-" PARENT "-02"));
	cr_expect(span_follow(&span, "00-" TRACE "-" PARENT "-03"));
}

Test(span, without_a_traceparent_is_in_the_trace_of_its_seed)
{
	struct span one, same, other;

	span_root(&one, "a:1");
	span_root(&same, "a:1");
	span_root(&other, "a:2");
	cr_expect_eq(strlen(one.trace), 32);
	cr_expect_str_eq(one.trace, same.trace);
	cr_expect_str_neq(one.id, same.id);
	cr_expect_str_neq(one.trace, other.trace);
	cr_expect_str_eq(one.parent, "");
}

Test(span, child_has_its_parents_trace)
{
	struct span parent, child;

	span_root(&parent, "a:1");
	span_child(&child, &parent);
	cr_expect_str_eq(child.trace, parent.trace);
	cr_expect_str_eq(child.parent, parent.id);
	cr_expect_str_neq(child.id, parent.id);
}

Test(span, more_attributes_than_fit_are_left_out)
{
	struct span span;
	char longest[SPAN_VALUE_SIZE + 8];

	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	span_root(&span, "a:1");
	for (size_t i = 0; i < SPAN_ATTRIBUTES_MOST + 2; i++)
		span_add_text(&span, "key", longest);
	cr_expect_eq(span.attribute_count, SPAN_ATTRIBUTES_MOST);
	cr_expect_eq(strlen(span.attributes[0].text), SPAN_VALUE_SIZE - 1);
}

Test(span, is_written_as_otlp)
{
	struct span span;

	cr_assert(span_follow(&span, "00-" TRACE "-" PARENT "-01"));
	memcpy(span.id, "00f067aa0ba902b7", sizeof span.id);
	memcpy(span.name, "network", sizeof "network");
	span.kind = SPAN_CONSUMER;
	span.begin_ms = 1700000000123;
	span.end_ms = 1700000000456;
	span.failed = true;
	span_add_text(&span, "byoc.result", "retry");
	span_add_i64(&span, "byoc.run", 2);
	char *text = spans_write(&span, 1, "1.0", "me");
	cr_expect_str_eq(text,
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":["
		"{\"key\":\"service.name\",\"value\":{\"stringValue\":"
		"\"byoc-worker\"}},"
		"{\"key\":\"service.version\",\"value\":{\"stringValue\":"
		"\"1.0\"}},"
		"{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":"
		"\"me\"}}]},"
		"\"scopeSpans\":[{\"scope\":{\"name\":\"byoc\"},\"spans\":[{"
		"\"traceId\":\"" TRACE "\",\"spanId\":\"00f067aa0ba902b7\","
		"\"parentSpanId\":\"" PARENT "\",\"name\":\"network\","
		"\"kind\":5,"
		"\"startTimeUnixNano\":\"1700000000123000000\","
		"\"endTimeUnixNano\":\"1700000000456000000\","
		"\"attributes\":["
		"{\"key\":\"byoc.result\",\"value\":{\"stringValue\":"
		"\"retry\"}},"
		"{\"key\":\"byoc.run\",\"value\":{\"intValue\":\"2\"}}],"
		"\"status\":{\"code\":2}}]}]}]}");
	free(text);
}
