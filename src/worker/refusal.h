/* Refusals: the event that tells whoever sent a job that it was refused. */
#pragma once

#include "worker.h"

#include <byoc/broker.h>

/* NULL: the job has no id to tell of it by. Lives as long as the arena. */
const struct message *refusal_event(struct arena *arena,
	const struct flight *flight, const struct err *reason);
