/* What the files of the tiny Hetzner share. */
#pragma once

#include "phase_fake.h"

enum { BOOT_TAKES = 12 };

/* A thing as JSON; the arena's. */
const char *fake_view(struct fake *fake, const struct fake_thing *thing);

/* Answers what was asked of the cluster's own API. */
void fake_answer_of_cluster(
	struct fake *fake, const struct request *request, struct reply *reply);
