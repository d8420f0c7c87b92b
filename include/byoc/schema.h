/* The version of the database's schema that this program works with: the
 * newest of schema/migrations/. */
#pragma once

enum { SCHEMA_VERSION = 13 };
