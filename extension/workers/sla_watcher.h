/*-------------------------------------------------------------------------
 *
 * sla_watcher.h
 *	  Opens alerts about orders that are in a status for too long, and closes
 *	  them when the order has left it.
 *
 * One call is one round, called by the feed worker and by andon.maintain(), in a
 * transaction at READ COMMITTED that ends soon after; no snapshot and no SPI is
 * needed.  A round does a bounded amount of work per deadline.  It waits for no
 * lock longer than a step does (step.h), takes none that a writer of a board or
 * its sources waits for, and announces what it did on ANDON_CHANNEL_ALERT, by
 * NOTIFY in the same transaction.
 *
 * Errors of one board are told as a WARNING and leave the others alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_WORKERS_SLA_WATCHER_H
#define ANDON_WORKERS_SLA_WATCHER_H

#include "postgres.h"

/* How often a worker does well to call; alerts are late by that much. */
#define SLA_WATCH_INTERVAL_MS	1000

/* True if something was left for the next round, which may follow at once. */
extern bool sla_watch(void);

#endif							/* ANDON_WORKERS_SLA_WATCHER_H */
