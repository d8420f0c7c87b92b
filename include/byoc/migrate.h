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

/* The newest version that this program knows, and works with. */
int schema_version(void);

/*
 * Brings the database to schema_version() and tells `said` a line for each
 * file. May run again and at the same time elsewhere: one waits for the other.
 * ERR_REFUSED is "schema_changed" (an applied file's text differs from ours),
 * "schema_newer" or "migration_failed" (with the file's name and line; what it
 * did is undone).
 */
bool migrate(const struct secret *database_url, FILE *said, struct err *err);

/*
 * Is the database at schema_version()? ERR_REFUSED is "schema_older" and says
 * to run `byoc migrate`, or "schema_newer"; ERR_RETRY: it cannot be reached.
 */
bool schema_is_current(const struct secret *database_url, struct err *err);
