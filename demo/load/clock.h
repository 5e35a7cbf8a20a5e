/*
 * clock.h
 *	  The one clock of the load: microseconds that never go backwards.
 *
 * All times of one run are taken by one process, so that "committed" and
 * "notified" can be subtracted although different threads saw them.
 */
#ifndef DEMO_LOAD_CLOCK_H
#define DEMO_LOAD_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t
clock_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif							/* DEMO_LOAD_CLOCK_H */
