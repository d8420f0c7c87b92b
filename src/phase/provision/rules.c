/*
 * Whom a firewall lets through, as a set: one line for each direction,
 * protocol, port and network. Two that let the same through are the same,
 * however their rules are written.
 */
#include "parts.h"

#include <byoc/json.h>
#include <byoc/network.h>
#include <stdlib.h>
#include <string.h>

struct lines {
	struct arena *arena;
	const char **items;
	size_t count, room;
};

/* "2001:DB8:0::/32" as "2001:db8::/32"; what is no network stays as it is. */
static const char *canonical(struct arena *arena, const char *network)
{
	char text[NETWORK_SIZE], why[200];

	return network_read(network, text, why, sizeof why)
		       ? arena_format(arena, "%s", text)
		       : network;
}

static void add_line(struct lines *lines, const char *line)
{
	lines->items = arena_grow(lines->arena, lines->items, lines->count,
		&lines->room, sizeof *lines->items);
	lines->items[lines->count++] = line;
}

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

static void add_rule(struct lines *lines, const struct json_in *rule)
{
	static const char *const sides[] = {"source_ips", "destination_ips"};
	const char *head = arena_format(lines->arena, "%s %s %s",
		or_none(json_opt_text_ref(rule, "direction")),
		or_none(json_opt_text_ref(rule, "protocol")),
		or_none(json_opt_text_ref(rule, "port")));

	for (size_t side = 0; side < COUNT(sides); side++) {
		size_t count = json_count(rule, sides[side]);
		for (size_t i = 0; i < count; i++) {
			const char *network =
				json_element_text_ref(rule, sides[side], i);
			add_line(lines, arena_format(lines->arena, "%s %s %s",
						head, sides[side],
						canonical(lines->arena,
							or_none(network))));
		}
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct lines lines_of(struct arena *arena, const struct json_in *in)
{
	struct lines lines = {.arena = arena};
	struct json_in rule;
	size_t kept = 0;

	for (size_t i = 0; i < json_count(in, "rules"); i++)
		if (json_element(in, "rules", i, &rule))
			add_rule(&lines, &rule);
	if (lines.count)
		qsort(lines.items, lines.count, sizeof *lines.items, compare);
	for (size_t i = 0; i < lines.count; i++)
		if (kept == 0 ||
			strcmp(lines.items[kept - 1], lines.items[i]) != 0)
			lines.items[kept++] = lines.items[i];
	lines.count = kept;
	return lines;
}

bool rules_equal(struct arena *arena, const struct json_in *one,
	const struct json_in *other)
{
	struct lines a = lines_of(arena, one), b = lines_of(arena, other);

	if (a.count != b.count)
		return false;
	for (size_t i = 0; i < a.count; i++)
		if (strcmp(a.items[i], b.items[i]) != 0)
			return false;
	return true;
}
