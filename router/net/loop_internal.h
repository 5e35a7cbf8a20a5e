/*-------------------------------------------------------------------------
 *
 * loop_internal.h
 *	  What the other files of net/ need of a loop.
 *
 * Tasks are embedded in their owner, so that scheduling one costs no memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_LOOP_INTERNAL_H
#define ROUTER_NET_LOOP_INTERNAL_H

#include <stddef.h>

#include "base/list.h"
#include "net/loop.h"

struct event_base;
struct Resolver;

typedef struct LoopTask
{
	ListNode	node;			/* linked while it waits for its turn */
	LoopCallback fn;
	void	   *arg;
} LoopTask;

extern struct event_base *loop_event_base(Loop *loop);

/* Run the task once, after the callbacks of this turn; asked for by a task, in
 * the next turn, which then does not wait for events.  Asking twice is asking
 * once. */
extern void loop_next_turn(Loop *loop, LoopTask *task);
extern void loop_next_turn_cancel(Loop *loop, LoopTask *task);	/* no-op when it does not wait */

/* Streams that send their rest after their owner has left; net/stream counts them. */
extern int *loop_flushing(Loop *loop);

/* Run the task when the loop is destroyed, unless it is withdrawn before. */
extern void loop_at_end(Loop *loop, LoopTask *task);
extern void loop_at_end_cancel(Loop *loop, LoopTask *task);

/* The receive buffer all streams share; valid within one callback. */
extern char *loop_scratch(Loop *loop, size_t size);

/* The thread that looks names up, kept here by resolve.c; NULL until one was needed. */
extern struct Resolver **loop_resolver(Loop *loop);

#endif							/* ROUTER_NET_LOOP_INTERNAL_H */
