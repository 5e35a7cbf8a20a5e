/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  The monotonic clock, in microseconds; the same for all threads.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_CLOCK_H
#define ROUTER_BASE_CLOCK_H

#include <stdint.h>

#define US_PER_MS 1000ULL
#define US_PER_SEC 1000000ULL

extern uint64_t clock_now_us(void);

#endif							/* ROUTER_BASE_CLOCK_H */
