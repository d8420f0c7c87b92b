/*
 * The database's schema: the files of schema/migrations/, compiled in, are
 * applied in their order, each in a transaction of its own together with its
 * row in byoc.schema_migrations. Forward only. A file that was applied never
 * changes again; what changes is told by a new file.
 */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>
#include <stdio.h>

/* In months. */
enum { KEEP_EVENTS_LEAST = 1, KEEP_EVENTS_MOST = 1200 };
/* In hours. */
enum { AUDIT_EVERY_MOST = 24 * 366 };

/*
 * Brings the database to SCHEMA_VERSION and tells `said` a line for each
 * file, and how long events are kept: `keep_events` months from now on (a
 * number as text), or NULL, as before. Every project is looked through each
 * `audit_hours` ("0": when asked only), or NULL, as before. May run again and
 * at the same time elsewhere: one waits for the other. ERR_REFUSED is
 * "schema_changed" (an applied file's text differs from ours), "schema_newer"
 * or "migration_failed" (with the file's name and line; what it did is undone).
 */
bool migrate(const struct secret *database_url, const char *keep_events,
	const char *audit_hours, FILE *said, struct err *err);
