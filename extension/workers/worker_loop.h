/*-------------------------------------------------------------------------
 *
 * worker_loop.h
 *	  What every background worker's loop does between its turns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_WORKERS_WORKER_LOOP_H
#define ANDON_WORKERS_WORKER_LOOP_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Signals; first thing in a worker. */
extern void worker_loop_init(void);

/*
 * Sleeps until the latch is set, or for so long, and does what the server asks
 * of every process: ends it, re-reads the configuration, takes invalidations.
 * Outside a transaction.
 */
extern void worker_loop_wait(long timeout_ms);

/* How long until then; 0 if it has passed. */
extern long worker_loop_ms_until(TimestampTz then);

#endif							/* ANDON_WORKERS_WORKER_LOOP_H */
