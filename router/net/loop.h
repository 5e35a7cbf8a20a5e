/*-------------------------------------------------------------------------
 *
 * loop.h
 *	  One thread's event loop: timers, descriptors, signals, a mailbox.
 *
 * Everything of a loop belongs to the thread that runs it, except
 * loop_post() and loop_stop(), which any thread may call.  libevent stays
 * behind this header and stream.h, listener.h, http_server.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_LOOP_H
#define ROUTER_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Loop Loop;
typedef struct LoopTimer LoopTimer;
typedef struct LoopWatch LoopWatch;
typedef struct LoopSignal LoopSignal;
typedef void (*LoopCallback) (void *arg);

extern Loop *loop_create(void);	/* also makes the process ignore SIGPIPE */
extern void loop_destroy(Loop *loop);	/* after loop_run() returned; what is still posted is dropped */
extern void loop_run(Loop *loop);	/* until loop_stop(), also one that came before */
extern void loop_stop(Loop *loop);	/* any thread; what was posted before it is still run */

/* The monotonic time (clock_now_us()) when it was first asked for in this turn of the loop. */
extern uint64_t loop_now_us(const Loop *loop);

/* Run fn(arg) in the loop's thread, in the order posted; any thread. */
extern void loop_post(Loop *loop, LoopCallback fn, void *arg);

/* Run fn(arg) when the callbacks of this turn are done.  What a callback runs
 * on is destroyed this way, never under its feet. */
extern void loop_later(Loop *loop, LoopCallback fn, void *arg);

/* One-shot timers, good to a few milliseconds; starting a running timer moves
 * it.  Starting and stopping are cheap enough to be done for every query. */
extern LoopTimer *loop_timer_create(Loop *loop, LoopCallback fn, void *arg);
extern void loop_timer_start(LoopTimer *timer, uint64_t delay_us);
extern void loop_timer_stop(LoopTimer *timer);
extern bool loop_timer_is_running(const LoopTimer *timer);
extern void loop_timer_destroy(LoopTimer *timer);	/* NULL is fine */

/* Descriptors of libraries that do their own reading and writing (libpq).
 * Destroy the watch before the descriptor is closed. */
typedef void (*LoopWatchCallback) (void *arg, bool readable, bool writable);
extern LoopWatch *loop_watch_create(Loop *loop, int fd, LoopWatchCallback fn, void *arg);
extern void loop_watch_set(LoopWatch *watch, bool want_read, bool want_write);
extern void loop_watch_destroy(LoopWatch *watch);	/* NULL is fine */

/* Blocks the signal in the calling thread: create these before other threads,
 * which inherit that, or they will die of it. */
extern LoopSignal *loop_signal_create(Loop *loop, int signo, LoopCallback fn, void *arg);
extern void loop_signal_destroy(LoopSignal *sig);

#endif							/* ROUTER_NET_LOOP_H */
