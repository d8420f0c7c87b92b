/*
 * Pace: when to look whether Hetzner is through with something. It takes about
 * as long as the last times, so the first look is then: not sooner, for every
 * look is a call, and not much later, for somebody waits. Ages are a phase's.
 *
 * A look says only whether it was over by then. So one that came in time is
 * followed, the next time, by a sooner one, until one comes too soon; then by
 * one halfway between the two, until that is near enough. That holds until a
 * look comes too soon after all; and once in a while a sooner one probes
 * whether all goes faster by now, the more rarely the more often it was in
 * vain.
 *
 * One that came too soon in the search is followed by another at the age that
 * is known to be late enough: it costs a call, and hardly any time.
 */
#include "parts.h"

enum {
	LOOK_LEAST_MS = 50,
	/* Parts of the age at which it is over. */
	SEARCH_PART = 16, /* a step, before any look came too soon */
	CLOSE_PART = 32,  /* nearer than that to "too soon" is near enough */
	STEP_PART = 2,    /* of what lies between them, if that is known */
	/* Of the age: until the second look, the third, ... */
	AGAIN_PART = 16,
	LATER_PART = 8,
	LAST_PART = 4,
	AGAIN_MOST_MS = 15 * 1000,
	SMOOTH_PART = 8,
	/* A probe comes after so many looks in time, and forgets such a part of
	 * what is too soon; both are doubled by each that was in vain. */
	PATIENCE = 32,
	FADE_PART = 8,
	IN_VAIN_LEAST = -2,
	IN_VAIN_MOST = 3,
	FIRST_LOOK = 2, /* the second lease; the first one has begun it */
};

/*
 * Where nothing is known yet. Hetzner promises nothing; seconds are what one
 * sees, rarely many. A guess that is too long costs time once, and one that is
 * too short costs calls.
 */
static const int guesses_ms[PACE_COUNT] = {
	[PACE_SERVERS_GONE] = 2500,
};

/* Attempts that failed say nothing about how long it takes. */
static bool is_telling(const struct facts *facts)
{
	return facts->pace && facts->lease_count >= FIRST_LOOK &&
	       facts->failures == 0 && facts->outages == 0;
}

static int64_t first_look_ms(const struct facts *facts)
{
	return facts->pace->look_ms ? facts->pace->look_ms
				    : guesses_ms[facts->phase->pace];
}

bool pace_is_known(const struct facts *facts)
{
	if (!facts->pace)
		return false;
	return facts->lease_count < FIRST_LOOK ? first_look_ms(facts) != 0
					       : facts->pace->look_ms != 0;
}

/* After a look that came too soon. */
static int64_t until_next_look_ms(const struct facts *facts)
{
	static const int parts[] = {AGAIN_PART, LATER_PART, LAST_PART};
	int64_t age_ms = facts->age_ms;
	int64_t between_ms = facts->pace->over_ms - age_ms;
	size_t look = (size_t)(facts->lease_count - FIRST_LOOK);

	if (between_ms > 0)
		return between_ms;
	int64_t again_ms =
		age_ms / parts[look < COUNT(parts) ? look : COUNT(parts) - 1];
	return again_ms < AGAIN_MOST_MS ? again_ms : AGAIN_MOST_MS;
}

int pace_wait_ms(const struct facts *facts)
{
	int64_t wait_ms = facts->lease_count < FIRST_LOOK
				  ? first_look_ms(facts) - facts->pace->begun_ms
				  : until_next_look_ms(facts);

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

static void end_probe(struct pace *pace, bool in_vain)
{
	if (pace->probes && in_vain && pace->in_vain < IN_VAIN_MOST)
		pace->in_vain++;
	if (pace->probes && !in_vain && pace->in_vain > IN_VAIN_LEAST)
		pace->in_vain--;
	pace->probes = false;
}

static void note_too_soon(struct pace *pace, int64_t age_ms, bool first)
{
	pace->running_ms = age_ms;
	pace->in_time = 0;
	if (pace->over_ms <= age_ms)
		pace->over_ms = 0;
	if (!first)
		return;
	end_probe(pace, true);
	if (pace->look_ms && pace->over_ms)
		pace->look_ms = pace->over_ms;
}

void pace_note_running(struct facts *facts)
{
	if (facts->pace && facts->lease_count < FIRST_LOOK)
		note_begin(facts->pace, facts->age_ms);
	if (is_telling(facts))
		note_too_soon(facts->pace, facts->memory.looked_ms,
			facts->lease_count == FIRST_LOOK);
}

/* The next first look, when one at that age was late enough. */
static int64_t sooner_ms(const struct pace *pace, int64_t age_ms)
{
	int64_t close_ms = age_ms / CLOSE_PART;
	int64_t between_ms = age_ms - pace->running_ms;

	if (!pace->running_ms)
		return age_ms - age_ms / SEARCH_PART;
	if (between_ms > close_ms)
		return age_ms - between_ms / STEP_PART;
	return age_ms;
}

static int doubled(int part, int times)
{
	return times < 0 ? part >> -times : part << times;
}

static void begin_probe(struct pace *pace)
{
	pace->running_ms -=
		pace->running_ms / doubled(FADE_PART, pace->in_vain);
	pace->in_time = 0;
	pace->probes = true;
}

static void note_in_time(struct pace *pace, int64_t age_ms)
{
	pace->in_time++;
	if (!pace->over_ms || age_ms < pace->over_ms)
		pace->over_ms = age_ms;
	if (sooner_ms(pace, age_ms) == age_ms) {
		end_probe(pace, false);
		if (pace->in_time >= doubled(PATIENCE, pace->in_vain))
			begin_probe(pace);
	}
	int64_t next_ms = sooner_ms(pace, age_ms);
	if (!pace->look_ms || next_ms < pace->look_ms)
		pace->look_ms = next_ms;
}

/* Too soon by several looks. One that takes very long is no rule. */
static void note_late(struct pace *pace, int64_t age_ms)
{
	int64_t most_ms = pace->look_ms + pace->look_ms / 2;

	if (pace->look_ms && age_ms > most_ms) {
		pace->running_ms = pace->look_ms;
		age_ms = most_ms;
	}
	pace->over_ms = age_ms;
	pace->look_ms = sooner_ms(pace, age_ms);
}

void pace_note_over(struct facts *facts)
{
	if (!is_telling(facts))
		return;
	if (facts->lease_count == FIRST_LOOK)
		note_in_time(facts->pace, facts->memory.looked_ms);
	else
		note_late(facts->pace, facts->memory.looked_ms);
}
