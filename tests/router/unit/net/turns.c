/*-------------------------------------------------------------------------
 *
 * turns.c
 *	  A loop runs for half a millisecond.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/net/turns.h"

#define TURN_US 500

static void
stop_loop(void *arg)
{
	loop_stop(arg);
}

void
turn_loop(Loop *loop)
{
	LoopTimer  *timer = loop_timer_create(loop, stop_loop, loop);

	loop_timer_start(timer, TURN_US);
	loop_run(loop);
	loop_timer_destroy(timer);
}
