/* Nodes: who has joined, and how they are. */
#include "scan.h"

#include <byoc/kubernetes.h>
#include <stdio.h>
#include <string.h>

#define UNINITIALISED "node.cloudprovider.kubernetes.io/uninitialized"
#define PROVIDER "hcloud://"

const char *kubernetes_server(struct arena *arena, const char *address)
{
	return arena_format(arena, "https://%s:%d", address, API_PORT);
}

void kubernetes_ask_nodes(struct request *request, struct arena *arena,
	const char *server, const char *next)
{
	request_get(request, arena, "/api/v1/nodes?limit=%d%s%s", NODE_PAGE,
		*next ? "&continue=" : "", request_escape(arena, next));
	request->server = server;
}

void kubernetes_delete_node(struct request *request, struct arena *arena,
	const char *server, const char *name)
{
	request_delete(request, arena, "/api/v1/nodes/%s", name);
	request->server = server;
}

/* "hcloud://4711"; anything else is 0. */
static int64_t server_id(const struct piece *provider)
{
	const size_t prefix = strlen(PROVIDER);
	int64_t id = 0;

	if (provider->size <= prefix || provider->size > prefix + 18 ||
		memcmp(provider->bytes, PROVIDER, prefix) != 0)
		return 0;
	for (size_t i = prefix; i < provider->size; i++) {
		char digit = provider->bytes[i];
		if (digit < '0' || digit > '9')
			return 0;
		id = id * 10 + (digit - '0');
	}
	return id;
}

static void read_taints(struct scan *scan, struct node *node)
{
	struct piece key;

	if (!scan_enter_list(scan))
		return;
	while (scan_element(scan)) {
		if (!scan_enter_object(scan))
			continue;
		while (scan_member(scan, &key)) {
			bool is_key = piece_is(&key, "key");
			struct piece taint = scan_text(scan);
			if (is_key && piece_is(&taint, UNINITIALISED))
				node->initialised = false;
		}
	}
}

static void read_spec(struct scan *scan, struct node *node)
{
	struct piece key;

	if (!scan_enter_object(scan))
		return;
	while (scan_member(scan, &key)) {
		if (piece_is(&key, "providerID")) {
			struct piece provider = scan_text(scan);
			node->server = server_id(&provider);
		} else if (piece_is(&key, "taints")) {
			read_taints(scan, node);
		} else {
			scan_skip(scan);
		}
	}
}

static bool is_readiness(struct scan *scan)
{
	struct piece key, type = {"", 0}, status = {"", 0};

	if (!scan_enter_object(scan))
		return false;
	while (scan_member(scan, &key)) {
		struct piece value = scan_text(scan);
		if (piece_is(&key, "type"))
			type = value;
		else if (piece_is(&key, "status"))
			status = value;
	}
	return piece_is(&type, "Ready") && piece_is(&status, "True");
}

static void read_status(struct scan *scan, struct node *node)
{
	struct piece key;

	if (!scan_enter_object(scan))
		return;
	while (scan_member(scan, &key)) {
		if (!piece_is(&key, "conditions"))
			scan_skip(scan);
		else if (scan_enter_list(scan))
			while (scan_element(scan))
				node->ready |= is_readiness(scan);
	}
}

static void read_node(struct scan *scan, struct node_page *page)
{
	struct node node = {.initialised = true};
	struct piece key;

	if (!scan_enter_object(scan))
		return;
	while (scan_member(scan, &key)) {
		if (piece_is(&key, "spec"))
			read_spec(scan, &node);
		else if (piece_is(&key, "status"))
			read_status(scan, &node);
		else
			scan_skip(scan);
	}
	if (page->count < NODE_PAGE)
		page->nodes[page->count++] = node;
}

/* Of base64's letters alone; no server has made another. */
static void keep_token(struct scan *scan, struct node_page *page)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789+/-_=";
	struct piece token = scan_text(scan);

	if (token.size >= CONTINUE_SIZE) {
		scan->bad = true;
		return;
	}
	memcpy(page->next, token.bytes, token.size);
	page->next[token.size] = '\0';
	if (strspn(page->next, letters) != token.size)
		scan->bad = true;
}

static void read_list(struct scan *scan, struct node_page *page)
{
	struct piece key;

	if (!scan_enter_object(scan))
		return;
	while (scan_member(scan, &key))
		if (piece_is(&key, "continue"))
			keep_token(scan, page);
		else
			scan_skip(scan);
}

bool kubernetes_read_nodes(const struct reply *reply, struct node_page *page)
{
	struct scan scan = scan_begin(reply->text, reply->text_size);
	struct piece key;
	bool listed = false;

	*page = (struct node_page){0};
	if (!reply->text || !scan_enter_object(&scan))
		return false;
	while (scan_member(&scan, &key)) {
		if (piece_is(&key, "metadata")) {
			read_list(&scan, page);
		} else if (piece_is(&key, "items")) {
			listed = scan_enter_list(&scan);
			while (listed && scan_element(&scan))
				read_node(&scan, page);
		} else {
			scan_skip(&scan);
		}
	}
	return listed && !scan.bad;
}
