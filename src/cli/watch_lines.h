/* A cluster's events, a line each, as they come. */
#pragma once

#include <byoc/json.h>
#include <byoc/model.h>
#include <stdbool.h>

struct lines {
	bool json; /* as CloudEvents, and nothing else */
	char name[NAME_SIZE];
	int run;
	int done, total;       /* phases of this run */
	char waiting_for[400]; /* as it was told last; "": for nothing */
};

/* What console_watch() gave: its events, and what a phase waits for. */
void lines_print(struct lines *lines, const struct json_in *news);
