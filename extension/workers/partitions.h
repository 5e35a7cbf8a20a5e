/*-------------------------------------------------------------------------
 *
 * partitions.h
 *	  Partitions of the change log: made ahead, dropped when they are old.
 *
 * Called with SPI connected, as the extension's owner, in a transaction of its
 * own: what it locks stays locked to the end.  No writer waits for it longer
 * than one lock_timeout; what cannot be had in time is left for the next call.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_WORKERS_PARTITIONS_H
#define ANDON_WORKERS_PARTITIONS_H

#include "postgres.h"

/* Days for which partitions are made ahead, today not counted. */
#define PARTITIONS_AHEAD_DAYS 3

/* False if something was left for the next call. */
extern bool partitions_maintain(void);

#endif							/* ANDON_WORKERS_PARTITIONS_H */
