/*-------------------------------------------------------------------------
 *
 * slots.h
 *	  Who is about to commit changes of boards: one slot per backend.
 *
 * A writer that has logged changes stores in its slot, before it commits, a
 * position that its commit record lies behind, and clears the slot when it is
 * visible to everybody.  What lies before all slots has therefore been visible
 * to whoever takes a snapshot afterwards: that is the feed's safe_lsn.  The
 * rule, and the schedules it guards, stand atop slots.c.
 *
 * The transaction callbacks call these (init/andon_init.c); the feed worker
 * reads the slots (feed/tick.h).  Without shared_preload_libraries there is no
 * shared memory: slots_are_there() is false and everything else does nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_FEED_SLOTS_H
#define ANDON_FEED_SLOTS_H

#include "postgres.h"

#include "access/xlogdefs.h"

/* From the hooks that _PG_init() sets; the second under AddinShmemInitLock. */
extern void slots_request_shmem(void);
extern void slots_init_shmem(void);

/* Was the library preloaded? */
extern bool slots_are_there(void);

/* ERROR 55000, with the way out, if it was not: what needs it is named. */
extern void slots_require_worker(const char *what);

/* The transaction has put a change into the log, or concerns the worker otherwise. */
extern void slots_note_change(void);

/* PRE_COMMIT, after the last change: fills the slot if changes were noted. */
extern void slots_announce(void);

/* PRE_PREPARE: the same, and a slot that outlives the session. */
extern void slots_announce_prepared(void);

/* NOTHROW.  The transaction has ended: clears the slot, wakes the worker. */
extern void slots_on_commit(void);
extern void slots_on_abort(void);
extern void slots_on_prepare(void);

/*
 * The least of upper and the slots of a database.  upper is an insert position
 * sampled before, the snapshot is taken after.  In a transaction.
 */
extern XLogRecPtr slots_find_oldest(Oid database, XLogRecPtr upper);

/* Has a prepared transaction of the database a slot? */
extern bool slots_have_prepared(Oid database);

/*
 * Prepared transactions that shared memory knows nothing about, for they are
 * older: they get slots that hold everything back.  In a transaction.
 */
extern void slots_adopt_prepared(Oid database);

#endif							/* ANDON_FEED_SLOTS_H */
