/* What the parts of the api share. */
#pragma once

#include "api.h"

#include "console/database.h"
#include <byoc/recipient.h>

struct api {
	PGconn *connection;
	const char *key_dir;
	const char *recipient_file; /* NULL: none */
	char recipient_key[RECIPIENT_KEY_SIZE];
};

/* A connection that broke is made anew. */
bool api_connected(struct api *api, struct err *err);
