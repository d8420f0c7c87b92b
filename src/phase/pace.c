/*
 * Pace: when to look whether Hetzner is through with something. It takes about
 * as long as the last times, so the first look is then: not sooner, for every
 * look is a call, and not much later, for somebody waits. Ages are a phase's.
 *
 * A first look in time says only that it was over by then, so the next one
 * comes sooner, as long as that is well above an age that was too soon. One
 * that came too soon is followed by others at short distances.
 */
#include "parts.h"

enum {
	LOOK_LEAST_MS = 50,
	/* Parts of the age at which it is over. */
	CLOSE_PART = 48, /* nearer than that to "too soon" is near enough */
	STEP_PART = 4,   /* of what lies between them */
	/* Of an age that was too soon, for each time in a row that was not: so
	 * it is soon forgotten when all goes faster from now on. */
	FADE_PART = 2048,
	AGAIN_PART = 16, /* until the second look, and the third */
	LATER_PART = 8,
	FIRST_LOOK = 2, /* the second lease; the first one has begun it */
	THIRD_LOOK = 4,
};

/* Attempts that failed say nothing about how long it takes. */
static bool is_telling(const struct facts *facts)
{
	return facts->pace && facts->lease_count >= FIRST_LOOK &&
	       facts->failures == 0 && facts->outages == 0;
}

bool pace_is_known(const struct facts *facts)
{
	return facts->pace && facts->pace->over_ms;
}

int pace_wait_ms(const struct facts *facts)
{
	int part = facts->lease_count < THIRD_LOOK ? AGAIN_PART : LATER_PART;
	int64_t wait_ms = facts->lease_count < FIRST_LOOK
				  ? facts->pace->over_ms - facts->age_ms
				  : facts->age_ms / part;

	return wait_ms < LOOK_LEAST_MS ? LOOK_LEAST_MS : (int)wait_ms;
}

void pace_note_running(struct facts *facts)
{
	if (is_telling(facts) && facts->lease_count == FIRST_LOOK)
		*facts->pace = (struct pace){.over_ms = facts->pace->over_ms,
			.running_ms = facts->age_ms};
}

/* Between too soon and in time, towards the one. */
static void approach(struct pace *pace)
{
	int64_t between_ms = pace->over_ms - pace->running_ms;

	if (between_ms > pace->over_ms / CLOSE_PART)
		pace->over_ms -= between_ms / STEP_PART;
}

void pace_note_over(struct facts *facts)
{
	struct pace *pace = facts->pace;

	if (!is_telling(facts))
		return;
	if (!pace->over_ms) {
		pace->over_ms = facts->age_ms;
	} else if (facts->lease_count > FIRST_LOOK) {
		/* One that takes very long is no rule. */
		int64_t most_ms = pace->over_ms + pace->over_ms / 2;
		pace->over_ms =
			facts->age_ms < most_ms ? facts->age_ms : most_ms;
	} else {
		pace->in_time++;
		pace->running_ms -=
			pace->running_ms * pace->in_time / FADE_PART;
		if (pace->running_ms < 0)
			pace->running_ms = 0;
	}
	approach(pace);
}
