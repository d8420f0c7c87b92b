/*
 * Halt: teardown begins when no phase of an older run can be in the air any
 * more, nor a request that got no answer, for it might make something behind
 * our back.
 */
#include "parts.h"

enum { HALT_WAIT_MS = 1000 };

bool halt_met(const struct facts *facts)
{
	return !facts->phase->halts || facts->older_leases == 0;
}

bool halt_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	return phase_ask_later(facts, ask, HALT_WAIT_MS);
}
