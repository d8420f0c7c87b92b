/*
 * Sealed values as texts: which key sealed them, and putting another text in
 * their place. Nothing is opened here. Records are locked in the order of their
 * ids, as workers lock them.
 */
#include "database.h"
#include <byoc/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NIL_UUID "00000000-0000-0000-0000-000000000000"

/* $1 and $2: behind which record and text; $3: the key; $4: how many. */
#define FIND(from)                                                             \
	"SELECT r.id, v.sealed FROM " from " v(sealed)"                        \
	" WHERE r.id >= $1 AND (r.id, v.sealed) > ($1::uuid, $2)"              \
	" AND split_part(v.sealed, '.', 2) <> $3"                              \
	" ORDER BY r.id, v.sealed LIMIT $4"

#define FIND_CLUSTER(column)                                                   \
	FIND("byoc.clusters r, LATERAL (SELECT r." column ")")

/* $1: the record; $2: what was read; $3: what takes its place. */
#define REPLACE_CLUSTER(column)                                                \
	"UPDATE byoc.clusters SET " column " = $3"                             \
	" WHERE id = $1 AND " column " = $2"

static const struct {
	const char *find, *replace;
} places[] = {
	[SEALED_TOKEN] =
		{FIND("byoc.credentials r, LATERAL (SELECT r.sealed_token"
		      " UNION SELECT r.active_sealed_token)"),
			"UPDATE byoc.credentials SET"
			" sealed_token = CASE WHEN sealed_token = $2 THEN $3"
			"  ELSE sealed_token END,"
			" active_sealed_token = CASE WHEN active_sealed_token"
			"  = $2 THEN $3 ELSE active_sealed_token END"
			" WHERE id = $1"
			" AND $2 IN (sealed_token, active_sealed_token)"},
	[SEALED_SSH_PRIVATE_KEY] = {FIND_CLUSTER("sealed_ssh_private_key"),
		REPLACE_CLUSTER("sealed_ssh_private_key")},
	[SEALED_AUTHORITIES] = {FIND_CLUSTER("sealed_authorities"),
		REPLACE_CLUSTER("sealed_authorities")},
	[SEALED_JOIN_TOKEN] = {FIND_CLUSTER("sealed_join_token"),
		REPLACE_CLUSTER("sealed_join_token")},
};
_Static_assert(COUNT(places) == SEALED_PLACE_COUNT, "find every place");

/* How many records of each kind need key $1, and one of them. */
static const char sql_needed[] =
	"SELECT 'credential', count(*), min(name) FROM byoc.credentials"
	" WHERE $1 IN (split_part(sealed_token, '.', 2),"
	"  split_part(active_sealed_token, '.', 2))"
	" UNION ALL "
	"SELECT 'cluster', count(*), min(name) FROM byoc.clusters"
	" WHERE $1 IN (split_part(sealed_ssh_private_key, '.', 2),"
	"  split_part(sealed_authorities, '.', 2),"
	"  split_part(sealed_join_token, '.', 2))";

void sealed_value_clear(struct sealed_value *value)
{
	free(value->sealed);
	free(value->resealed);
	*value = (struct sealed_value){0};
}

bool console_sealed(struct console *console, enum sealed_place place,
	const char *key_id, const struct sealed_value *after,
	struct sealed_value *values, size_t most, size_t *count,
	struct err *err)
{
	char limit[24];

	snprintf(limit, sizeof limit, "%zu", most);
	PGresult *rows = console_rows(console->connection, places[place].find,
		PARAMS(after ? after->id : NIL_UUID, after ? after->sealed : "",
			key_id, limit),
		err);
	*count = rows ? (size_t)PQntuples(rows) : 0;
	for (size_t i = 0; i < *count; i++) {
		values[i] = (struct sealed_value){0};
		snprintf(values[i].id, sizeof values[i].id, "%s",
			PQgetvalue(rows, (int)i, 0));
		values[i].sealed =
			memory_copy_text(PQgetvalue(rows, (int)i, 1));
	}
	PQclear(rows);
	return rows;
}

static bool replace(struct console *console, enum sealed_place place,
	const struct sealed_value *value, size_t *moved, struct err *err)
{
	PGresult *result =
		console_rows(console->connection, places[place].replace,
			PARAMS(value->id, value->sealed, value->resealed), err);

	if (result && strcmp(PQcmdTuples(result), "1") == 0)
		(*moved)++;
	PQclear(result);
	return result;
}

bool console_reseal(struct console *console, enum sealed_place place,
	const struct sealed_value *values, size_t count, size_t *moved,
	struct err *err)
{
	bool ok = console_begin(console->connection, err);

	*moved = 0;
	for (size_t i = 0; ok && i < count; i++)
		if (values[i].resealed)
			ok = replace(console, place, &values[i], moved, err);
	return console_end(console->connection, ok, err);
}

/* "2 credentials ('acme' is one)" */
static void name_need(const PGresult *rows, int row, char *text, size_t size)
{
	const char *number = PQgetvalue(rows, row, 1);
	bool one = strcmp(number, "1") == 0;
	size_t used = strlen(text);

	if (strcmp(number, "0") != 0)
		snprintf(text + used, size - used, "%s%s %s%s ('%.63s'%s)",
			used ? " and " : "", number, PQgetvalue(rows, row, 0),
			one ? "" : "s", PQgetvalue(rows, row, 2),
			one ? "" : " is one");
}

bool console_key_unneeded(
	struct console *console, const char *key_id, struct err *err)
{
	char needs[280] = "";
	PGresult *rows = console_rows(
		console->connection, sql_needed, PARAMS(key_id), err);

	for (int i = 0; rows && i < PQntuples(rows); i++)
		name_need(rows, i, needs, sizeof needs);
	PQclear(rows);
	if (*needs)
		err_set(err, ERR_REFUSED, "key_needed",
			"key %s is still needed: it sealed secrets of %s; move "
			"them to the newest key with `byoc credential reseal` "
			"first",
			key_id, needs);
	return !err->kind;
}
