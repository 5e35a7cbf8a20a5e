/*-------------------------------------------------------------------------
 *
 * maintain.h
 *	  The care of the change log and the counters.
 *
 * What andon.maintain() does, and the feed worker now and then: folds counters,
 * makes partitions ahead, drops old ones.  counts() reads what has been logged since
 * the last fold: the worker folds more often than it does the rest.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_WORKERS_MAINTAIN_H
#define ANDON_WORKERS_MAINTAIN_H

#include "postgres.h"

/*
 * In a transaction of its own, with a snapshot; the locks it takes are held to
 * its end.  False if something was left for the next time.
 */
extern bool maintain_run(void);

/* The same, but for the counters only. */
extern bool maintain_fold(void);

#endif							/* ANDON_WORKERS_MAINTAIN_H */
