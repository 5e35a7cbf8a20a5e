/*-------------------------------------------------------------------------
 *
 * histogram.c
 *	  Counts of durations in buckets.
 *
 * A value falls into the first bucket whose bound it does not exceed, as in
 * Prometheus ("le").  Buckets are counted apart; whoever prints them adds up.
 *
 *-------------------------------------------------------------------------
 */
#include "base/histogram.h"

const uint64_t histogram_bounds_us[HISTOGRAM_BUCKETS - 1] = {
	50, 100, 250, 500,
	1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
	1000000, 2500000, 5000000, 10000000
};

void
histogram_add(Histogram *histogram, uint64_t value_us)
{
	int			bucket = 0;

	while (bucket < HISTOGRAM_BUCKETS - 1 && value_us > histogram_bounds_us[bucket])
		bucket++;
	histogram->buckets[bucket]++;
	histogram->sum_us += value_us;
	histogram->count++;
}

void
histogram_merge(Histogram *into, const Histogram *from)
{
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
	into->sum_us += from->sum_us;
	into->count += from->count;
}
