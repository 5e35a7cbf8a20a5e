/*-------------------------------------------------------------------------
 *
 * histogram.h
 *	  Counts of durations in fixed, exponentially growing buckets.
 *
 * One writer; a reader of another thread gets the numbers through a gather
 * (app/gather.h), never by looking in.  Upper bounds are in microseconds:
 * 50, 100, 250, 500, 1 ms, 2.5, 5, 10, 25, 50, 100, 250, 500, 1 s, 2.5, 5, 10.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_HISTOGRAM_H
#define ROUTER_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 18	/* the last one is +Inf */

typedef struct Histogram
{
	uint64_t	buckets[HISTOGRAM_BUCKETS];
	uint64_t	sum_us;
	uint64_t	count;
} Histogram;

extern const uint64_t histogram_bounds_us[HISTOGRAM_BUCKETS - 1];

extern void histogram_add(Histogram *histogram, uint64_t value_us);
extern void histogram_merge(Histogram *into, const Histogram *from);

#endif							/* ROUTER_BASE_HISTOGRAM_H */
