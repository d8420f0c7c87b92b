/*
 * The roads to the database and the broker: off this machine they have to be
 * private, which is TLS with the server's certificate and name verified. URLs
 * are read by the libraries that connect by them, so that nothing is taken for
 * local or verified that is not.
 */
#pragma once

#include <byoc/settings.h>

/*
 * What is wrong with the URLs of the settings, a line each that names the
 * setting and shows nothing of its value, or NULL: the caller frees. A URL that
 * is not set, or that its library cannot read, is no complaint: whoever opens
 * that door says so.
 */
char *transport_complaints(const struct settings *settings);
