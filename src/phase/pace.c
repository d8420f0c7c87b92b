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
	FAR_PART = 8,
	STEP_PART = 4,     /* of what lies between them, ... */
	FAR_STEP_PART = 2, /* ... and when they are far from each other */
	/* Of an age that was too soon, for each time in a row that was not: so
	 * it is soon forgotten when all goes faster from now on. */
	FADE_PART = 4096,
	AGAIN_PART = 40, /* until the second look, the third, ... */
	LATER_PART = 16,
	LAST_PART = 8,
	SMOOTH_PART = 8,
	FIRST_LOOK = 2, /* the second lease; the first one has begun it */
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
	static const int parts[] = {AGAIN_PART, LATER_PART, LAST_PART};
	const struct pace *pace = facts->pace;
	size_t looks = (size_t)facts->lease_count - 1;
	int64_t wait_ms =
		looks == 0
			? pace->over_ms - pace->begun_ms
			: facts->age_ms / parts[looks < COUNT(parts)
							  ? looks - 1
							  : COUNT(parts) - 1];

	return wait_ms < LOOK_LEAST_MS ? LOOK_LEAST_MS : (int)wait_ms;
}

/* Whatever held it up before that, it takes as long from then on. */
static void note_begin(struct pace *pace, int64_t age_ms)
{
	if (pace->begun_ms)
		pace->begun_ms += (age_ms - pace->begun_ms) / SMOOTH_PART;
	else
		pace->begun_ms = age_ms;
}

void pace_note_running(struct facts *facts)
{
	if (facts->pace && facts->lease_count < FIRST_LOOK)
		note_begin(facts->pace, facts->age_ms);
	if (!is_telling(facts))
		return;
	facts->pace->running_ms = facts->age_ms;
	facts->pace->in_time = 0;
}

/* Too soon by several looks. One that takes very long is no rule. */
static void lengthen(struct pace *pace, int64_t age_ms)
{
	int64_t most_ms = pace->over_ms + pace->over_ms / 2;

	if (pace->over_ms && age_ms > most_ms) {
		pace->running_ms = pace->over_ms;
		pace->over_ms = most_ms;
	} else {
		pace->over_ms = age_ms;
	}
}

static void fade(struct pace *pace)
{
	int64_t part_ms = pace->running_ms * ++pace->in_time / FADE_PART;

	pace->running_ms =
		part_ms < pace->running_ms ? pace->running_ms - part_ms : 0;
}

/* Between too soon and in time, towards the one. */
static void approach(struct pace *pace)
{
	int64_t between_ms = pace->over_ms - pace->running_ms;

	if (between_ms > pace->over_ms / FAR_PART)
		pace->over_ms -= between_ms / FAR_STEP_PART;
	else if (between_ms > pace->over_ms / CLOSE_PART)
		pace->over_ms -= between_ms / STEP_PART;
}

void pace_note_over(struct facts *facts)
{
	struct pace *pace = facts->pace;

	if (!is_telling(facts))
		return;
	if (!pace->over_ms || facts->lease_count > FIRST_LOOK)
		lengthen(pace, facts->age_ms);
	else
		fade(pace);
	approach(pace);
}
