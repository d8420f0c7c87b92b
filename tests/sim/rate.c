/*
 * The rate limit: a bucket of requests per project, refilled steadily, in
 * real time whatever the time scale is.
 */
#include "world.h"

void bucket_init(struct bucket *bucket, int64_t now_ms)
{
	*bucket = (struct bucket){.limit = 3600,
		.remaining = 3600,
		.refill_per_second = 1,
		.filled_at_ms = now_ms};
}

bool bucket_take(struct bucket *bucket, int64_t now_ms)
{
	double seconds = (double)(now_ms - bucket->filled_at_ms) / 1000;

	bucket->filled_at_ms = now_ms;
	bucket->remaining += seconds * bucket->refill_per_second;
	if (bucket->remaining > bucket->limit)
		bucket->remaining = bucket->limit;
	if (bucket->remaining < 1)
		return false;
	bucket->remaining -= 1;
	return true;
}

double bucket_full_in(const struct bucket *bucket)
{
	if (bucket->refill_per_second <= 0)
		return 0;
	return (bucket->limit - bucket->remaining) / bucket->refill_per_second;
}
