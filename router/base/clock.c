/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  The monotonic clock.
 *
 * CLOCK_MONOTONIC cannot fail on the systems we run on and takes no system
 * call there.  Layers that must be testable without time take "now" as an
 * argument; only event loops and their owners call this.
 *
 *-------------------------------------------------------------------------
 */
#include "base/clock.h"

#include <time.h>

uint64_t
clock_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * US_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}
