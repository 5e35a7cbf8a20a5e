/*-------------------------------------------------------------------------
 *
 * step.h
 *	  One step of the care of the catalog: done, or not begun.
 *
 * A step runs as a subtransaction under a short lock_timeout and is tried a few
 * times, so that nobody queues behind it for long.  SPI is connected.  The locks
 * of a step that was done are held to the end of the transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_WORKERS_STEP_H
#define ANDON_WORKERS_STEP_H

#include "postgres.h"

/*
 * False if a lock was not to be had in time, a row was in the way of a new
 * constraint, or run() returned false: then it has left nothing behind.  Other
 * errors are raised.
 */
extern bool step_run(bool (*run) (void *arg), void *arg);

/* The same for SQL commands. */
extern bool step_run_sql(const char *sql);

/* The one boolean that a query gives. */
extern bool step_query(const char *sql);

#endif							/* ANDON_WORKERS_STEP_H */
