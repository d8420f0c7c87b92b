/* Reading a customer's API token, which may never be on the command line. */
#pragma once

#include <byoc/err.h>
#include <byoc/secret.h>

/*
 * From a file, or from standard input (`path` NULL or "-"), without the line
 * break at its end. At a terminal it asks, and shows nothing that is typed. An
 * empty token is refused; whether it is a good one the workers judge.
 */
bool token_read(const char *path, struct secret *token, struct err *err);
