/* A cluster's events, a line each, as they come. */
#pragma once

#include <byoc/json.h>
#include <byoc/model.h>
#include <stdbool.h>

struct lines {
	bool json; /* as CloudEvents, and nothing else */
	char name[NAME_SIZE];
	int run;
	int done, total; /* phases of this run */
};

/* The events in what console_watch() gave. */
void lines_print(struct lines *lines, const struct json_in *news);
