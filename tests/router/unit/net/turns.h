/*-------------------------------------------------------------------------
 *
 * turns.h
 *	  A test turns its loop itself, until what it waits for has happened.
 *
 * So nothing depends on how long things take, and what runs in the loop and
 * the test are one thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TESTS_NET_TURNS_H
#define TESTS_NET_TURNS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/loop.h"

#define WAIT_SECS 30

/* A few turns: whatever is ready is done. */
extern void turn_loop(Loop *loop);

/* Turn the loop until the condition holds. */
#define wait_until(loop, condition) \
	do { \
		uint64_t	until_ = clock_now_us() + WAIT_SECS * US_PER_SEC; \
		while (!(condition)) \
		{ \
			if (clock_now_us() > until_) \
				fail_msg("never happened: %s", #condition); \
			turn_loop(loop); \
		} \
	} while (0)

#endif							/* TESTS_NET_TURNS_H */
