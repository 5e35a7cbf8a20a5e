/*-------------------------------------------------------------------------
 *
 * tick.h
 *	  One tick of the feed: what has become visible since the last is told.
 *
 * Called by the database's worker (workers/feed_worker.c), one tick after the
 * other; tick.c tells what a tick is and why nothing is missed.  A tick that
 * finds nothing to tell writes nothing.  Who reads ticks afterwards uses
 * maintain/tick_table.h.
 *
 * An epoch is one life of the shared memory: ticks are committed without waiting
 * for the disk, so a crash may lose the last of them, and numbers would be given
 * twice.  Epochs grow.  The first tick of an epoch asks the readers of every
 * board to resync.
 *
 * An ERROR leaves no tick behind; the next one tells what this would have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_TICK_H
#define ANDON_MAINTAIN_TICK_H

#include "postgres.h"

#include "access/xlogdefs.h"

typedef struct TickResult
{
	uint64		tick;			/* number of this tick; of the last, if nothing was to be told */
	XLogRecPtr	lsn;			/* who has replayed this sees what was told up to now */
	XLogRecPtr	safe_lsn;		/* every change up to here has been told */
	int64		changes;		/* rows of the log that this tick announced */
	int			notifications;	/* sent */
	bool		resync;			/* readers of some board were asked to read it again */
	bool		is_first;		/* of its epoch */
} TickResult;

typedef struct TickOrder
{
	uint64		epoch;
	XLogRecPtr	safe_lsn;		/* see tick.c; taken before tick_make() is called */
	bool		notifies;		/* false: the tick is made, but nobody is notified */
} TickOrder;

/* An epoch greater than all in andon.tick; in a transaction of its own. */
extern uint64 tick_draw_epoch(void);

/*
 * Where the last tick of this epoch stands (tick, lsn, safe_lsn); false if there
 * is none.  In a transaction of its own.
 */
extern bool tick_find_last(uint64 epoch, TickResult *last);

/*
 * Makes a tick in the present transaction, which must have no number yet and
 * should be committed at once.
 */
extern void tick_make(const TickOrder *order, TickResult *result);

#endif							/* ANDON_MAINTAIN_TICK_H */
