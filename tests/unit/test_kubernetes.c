/* What clusters answer, honest or not: read without harm. */
#include <byoc/kubernetes.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct reply said(const char *text, size_t size)
{
	struct reply reply = {.class = REPLY_OK};

	reply_keep(&reply, text, size);
	return reply;
}

static bool nodes_of(const char *text, struct node_page *page)
{
	struct reply reply = said(text, strlen(text));
	bool is_list = kubernetes_read_nodes(&reply, page);

	reply_clear(&reply);
	return is_list;
}

static bool is_out(const char *text)
{
	struct reply reply = said(text, strlen(text));
	bool out = kubernetes_rolled_out(&reply);

	reply_clear(&reply);
	return out;
}

Test(kubernetes, reads_what_matters_of_a_node_and_no_more)
{
	struct node_page page;

	cr_assert(nodes_of(
		" {\"kind\":\"NodeList\",\"metadata\":{\"resourceVersion\":\"7\","
		"\"continue\":\"abc\",\"remainingItemCount\":3},\"items\" : [\n"
		"{\"metadata\":{\"labels\":{\"a\\\"}]\":\"{\\\\\"},\"x\":[[],{}]},"
		"\"spec\":{\"taints\":null,\"providerID\":\"hcloud://4711\"},"
		"\"status\":{\"conditions\":[{\"status\":\"True\",\"type\":"
		"\"Ready\",\"n\":-1.5e3}],\"images\":[{\"names\":[\"b\"]}]}},"
		"{\"spec\":{\"taints\":[{\"key\":\"node.cloudprovider."
		"kubernetes.io/uninitialized\"}]},\"status\":{}}, 7 ]}",
		&page));
	cr_assert_eq(page.count, 2);
	cr_assert_eq(page.nodes[0].server, 4711);
	cr_assert(page.nodes[0].ready && page.nodes[0].initialised);
	cr_assert_eq(page.nodes[1].server, 0);
	cr_assert(!page.nodes[1].ready && !page.nodes[1].initialised);
	cr_assert_str_eq(page.next, "abc");
}

Test(kubernetes, takes_no_other_provider_for_hetzner)
{
	static const char *const others[] = {"", "hcloud://", "hcloud://4x",
		"hcloud://-4", "hcloud://9999999999999999999", "aws://4",
		"hcloud://\\u0034", "hrobot://4"};
	struct node_page page;
	char text[200];

	for (size_t i = 0; i < COUNT(others); i++) {
		snprintf(text, sizeof text,
			"{\"items\":[{\"spec\":{\"providerID\":\"%s\"}}]}",
			others[i]);
		cr_assert(nodes_of(text, &page), "%s", text);
		cr_assert_eq(page.nodes[0].server, 0, "%s", text);
	}
}

Test(kubernetes, takes_nothing_else_for_a_list)
{
	static const char *const others[] = {"", "{}", "[]", "null",
		"{\"items\"", "{\"items\":{}}", "{\"items\":[",
		"{\"items\":[{]}", "\"items\"", "{\"items\":[]",
		"{\"items\":[],\"metadata\":{\"continue\":"
		"\"a b\"}}",
		"{\"items\":[] \"x\":1}", "{items:[]}", "<html>",
		"{\"items\":[\"\\", "{\"items\":[,,,]}", "}{", "]", ":", ","};
	struct node_page page;

	for (size_t i = 0; i < COUNT(others); i++)
		cr_assert_not(nodes_of(others[i], &page), "%s", others[i]);
	cr_assert_not(kubernetes_read_nodes(&(struct reply){0}, &page));
}

Test(kubernetes, keeps_no_token_that_is_too_long)
{
	struct node_page page;
	char text[2 * CONTINUE_SIZE];

	snprintf(text, sizeof text,
		"{\"items\":[],\"metadata\":{\"continue\":\"%0*d\"}}",
		CONTINUE_SIZE - 1, 0);
	cr_assert(nodes_of(text, &page));
	cr_assert_eq(strlen(page.next), CONTINUE_SIZE - 1);
	snprintf(text, sizeof text,
		"{\"items\":[],\"metadata\":{\"continue\":\"%0*d\"}}",
		CONTINUE_SIZE, 0);
	cr_assert_not(nodes_of(text, &page));
}

/* More nodes than a page has, brackets without end, a zero byte. */
Test(kubernetes, is_not_harmed)
{
	struct node_page page;
	size_t size = 1024 * 1024;
	char *text = malloc(size);

	memset(text, '[', size);
	memcpy(text, "{\"items\":", 9);
	struct reply reply = said(text, size);
	cr_assert_not(kubernetes_read_nodes(&reply, &page));
	cr_assert_not(kubernetes_rolled_out(&reply));
	reply_clear(&reply);

	size_t used = 9;
	text[used++] = '[';
	for (int i = 0; i < 1000; i++)
		used += (size_t)sprintf(text + used, "%s{}", i ? "," : "");
	used += (size_t)sprintf(text + used, "]}");
	reply = said(text, used);
	cr_assert(kubernetes_read_nodes(&reply, &page));
	cr_assert_eq(page.count, NODE_PAGE);
	reply_clear(&reply);

	memset(text, 0, 64);
	reply = said(text, 64);
	cr_assert_not(kubernetes_read_nodes(&reply, &page));
	reply_clear(&reply);
	free(text);
}

/* Whatever is cut off or turned over: it ends, and reads nothing beyond. */
Test(kubernetes, survives_every_mutation)
{
	static const char honest[] =
		"{\"metadata\":{\"continue\":\"abc\",\"generation\":1},\"items\":"
		"[{\"spec\":{\"providerID\":\"hcloud://1\",\"taints\":[{\"key\":"
		"\"k\"}]},\"status\":{\"conditions\":[{\"type\":\"Ready\","
		"\"status\":\"True\"}]}}],\"status\":{\"updatedReplicas\":1}}";
	static const char others[] = "\"\\{}[],:0a \0";
	struct node_page page;

	for (size_t cut = 1; cut < sizeof honest; cut++)
		for (size_t i = 0; i < sizeof others; i++) {
			char *text = malloc(cut);
			memcpy(text, honest, cut);
			text[cut / 2] = others[i];
			text[cut - 1] = others[(i + cut) % sizeof others];
			struct reply reply = said(text, cut);
			kubernetes_read_nodes(&reply, &page);
			kubernetes_rolled_out(&reply);
			reply_clear(&reply);
			free(text);
		}
}

#define STATUS(generation, observed, updated, available)                       \
	"{\"metadata\":{\"generation\":" #generation                           \
	"},\"spec\":{\"replicas\":1"                                           \
	"},\"status\":{\"observedGeneration\":" #observed                      \
	",\"updatedReplicas\":" #updated ",\"availableReplicas\":" #available  \
	"}}"

Test(kubernetes, knows_what_has_rolled_out)
{
	cr_assert(is_out(STATUS(2, 2, 1, 1)));
	cr_assert(is_out(STATUS(2, 3, 1, 2)));
	cr_assert_not(is_out(STATUS(2, 1, 1, 1)));
	cr_assert_not(is_out(STATUS(2, 2, 0, 1)));
	cr_assert_not(is_out(STATUS(2, 2, 1, 0)));
	cr_assert_not(is_out(STATUS(2, 2, 1, "1")));
	cr_assert_not(is_out(STATUS(2, 2, 1, -1)));
	cr_assert_not(
		is_out(STATUS(2, 2, 1, 99999999999999999999)) && is_out("{}"));
	cr_assert_not(is_out("{\"spec\":{\"replicas\":0},\"status\":{}}"));
}

Test(kubernetes, asks_under_the_clusters_own_address)
{
	struct arena *arena = arena_new();
	struct request request;
	const char *server = kubernetes_server(arena, "203.0.113.7");

	cr_assert_str_eq(server, "https://203.0.113.7:6443");
	kubernetes_delete_node(&request, arena, server, "demo-worker-1");
	cr_assert_str_eq(request.path, "/api/v1/nodes/demo-worker-1");
	cr_assert_eq(request.method, METHOD_DELETE);
	cr_assert_str_eq(request.server, server);
	request_clear(&request);
	arena_free(arena);
}
