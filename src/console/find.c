/*
 * Records by what people call them: an id, the beginning of one, or a name. A
 * call that could mean two records means none.
 */
#include "database.h"
#include <byoc/memory.h>
#include <stdio.h>
#include <string.h>

/* The smallest beginning of an id that counts as one. */
enum { PREFIX_MIN = 4, MATCHES_MAX = 5 };

/* $1: a name; $2: a pattern of ids or null. The living come first. */
static const char sql_find_credential[] =
	"SELECT id, name, deleted_at IS NOT NULL AS gone"
	" FROM byoc.credentials"
	" WHERE (name = $1 OR id::text LIKE lower($2))"
	" ORDER BY deleted_at IS NOT NULL, created_at LIMIT 100";

static const char sql_find_cluster[] =
	"SELECT id, name, status = 'deleted' AS gone FROM byoc.clusters"
	" WHERE (name = $1 OR id::text LIKE lower($2))"
	" ORDER BY status = 'deleted', created_at LIMIT 100";

static const char *cell(const PGresult *rows, int row, int column)
{
	return PQgetvalue(rows, row, column);
}

static bool is_of_an_id(const char *called)
{
	return strspn(called, "0123456789abcdefABCDEF-") == strlen(called);
}

static bool refuse_ambiguous(const PGresult *rows, int count, const char *what,
	const char *called, struct err *err)
{
	char matches[320] = "";
	size_t used = 0;

	for (int i = 0; i < count && i < MATCHES_MAX; i++)
		used += (size_t)snprintf(matches + used, sizeof matches - used,
			"%s%.8s (%.40s)", i ? ", " : "", cell(rows, i, 0),
			cell(rows, i, 1));
	return err_set(err, ERR_REFUSED, "ambiguous",
		"%s '%.63s' could be %s%s: give one of these ids", what, called,
		matches, count > MATCHES_MAX ? ", ..." : "");
}

/* Deleted records count only when no other does. */
static bool choose(const PGresult *rows, const char *what, const char *called,
	char id[UUID_SIZE], struct err *err)
{
	int all = PQntuples(rows);
	int count = 0;

	while (count < all &&
		strcmp(cell(rows, count, 2), cell(rows, 0, 2)) == 0)
		count++;
	if (count == 0 && strlen(called) < PREFIX_MIN && is_of_an_id(called))
		return err_set(err, ERR_REFUSED, "not_found",
			"there is no %s '%.63s', and as an id it is too short: "
			"want its first %d digits or more",
			what, called, PREFIX_MIN);
	if (count == 0)
		return err_set(err, ERR_REFUSED, "not_found",
			"there is no %s '%.63s': see `byoc %s list`", what,
			called, what);
	if (count > 1)
		return refuse_ambiguous(rows, count, what, called, err);
	snprintf(id, UUID_SIZE, "%s", cell(rows, 0, 0));
	return true;
}

static bool find(struct console *console, const char *sql, const char *what,
	const char *called, char id[UUID_SIZE], struct err *err)
{
	char pattern[UUID_SIZE + 1];
	size_t length = strlen(called);
	bool digits = length >= PREFIX_MIN && length < UUID_SIZE &&
		      is_of_an_id(called);

	snprintf(pattern, sizeof pattern, "%.36s%%", called);
	PGresult *rows = console_rows(console->connection, sql,
		PARAMS(called, digits ? pattern : NULL), err);
	bool found = rows && choose(rows, what, called, id, err);
	PQclear(rows);
	return found;
}

bool console_find_credential(struct console *console, const char *called,
	char id[UUID_SIZE], struct err *err)
{
	return find(
		console, sql_find_credential, "credential", called, id, err);
}

bool console_find_cluster(struct console *console, const char *called,
	char id[UUID_SIZE], struct err *err)
{
	return find(console, sql_find_cluster, "cluster", called, id, err);
}
