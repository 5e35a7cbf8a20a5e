/*-------------------------------------------------------------------------
 *
 * stats.h
 *	  What maintenance does, counted per board in shared memory.
 *
 * Counters are there if the library is preloaded; else nothing is counted and
 * every call does next to nothing.  Who maintains a board notes what he does in
 * a few variables of the backend, stats_count(), and adds them to the board's
 * slot once, when he is done: stats_begin() ... stats_flush().  Work that fails
 * in between is not counted; work that is rolled back later is, as in
 * PostgreSQL's own statistics.
 *
 * The slots are of all databases.  There are STATS_SLOTS of them; boards beyond
 * are not counted.  Nothing survives a restart of the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_STATS_H
#define ANDON_BASE_STATS_H

#include "postgres.h"

#include "datatype/timestamp.h"

#define STATS_SLOTS		1024

typedef enum StatsCounter
{
	STATS_INSERTED,				/* rows of the board */
	STATS_UPDATED,
	STATS_DELETED,
	STATS_REFRESHED,			/* keys for which the definition was run */
	STATS_FAST,					/* keys for which it was not needed */
	STATS_WHOLE,				/* times it was run for the whole board */
	STATS_LOCK_WAITS,			/* locks of ours that were not to be had at once */
	STATS_LOCK_WAIT_US,			/* time spent waiting for them */
	STATS_NCOUNTERS
} StatsCounter;

typedef struct BoardStats
{
	TimestampTz since;			/* when counting began */
	uint64		counters[STATS_NCOUNTERS];
} BoardStats;

/* Noted by this backend and not added up yet. */
extern uint64 stats_pending[STATS_NCOUNTERS];

static inline void
stats_count(StatsCounter counter, uint64 n)
{
	stats_pending[counter] += n;
}

/* From the shared memory hooks of a preloaded library. */
extern void stats_request_shmem(void);
extern void stats_init_shmem(void);

/* Is anything counted? */
extern bool stats_are_kept(void);

/* Forgets what is pending: work for a board begins. */
extern void stats_begin(void);

/* Adds what is pending to a board of this database. */
extern void stats_flush(Oid board);

/* False if nothing is counted. */
extern bool stats_read(Oid board, BoardStats *stats);

/* Sets a board of this database back to 0; InvalidOid: all of them. */
extern void stats_reset(Oid board);

/* The board is dropped: its slot may serve another. */
extern void stats_forget(Oid board);

#endif							/* ANDON_BASE_STATS_H */
