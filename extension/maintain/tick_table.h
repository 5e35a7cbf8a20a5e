/*-------------------------------------------------------------------------
 *
 * tick_table.h
 *	  andon.tick and andon.feed_reset, read and written.
 *
 * A tick is known by its epoch and number; within an epoch numbers go up by one,
 * and the greatest epoch is the present one.  Rows are read under the snapshot
 * that is given, past all privileges, on replicas too.  TickRow is filled in the
 * current context.
 *
 * andon.feed_reset says which positions are of no use though their tick is
 * there: those from before a board was made, and those from before what has
 * been dropped from the log.  It is read in its latest state, since dropping a
 * partition is not undone for older snapshots: lock the partitions first
 * (change_scan_open()).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_TICK_TABLE_H
#define ANDON_MAINTAIN_TICK_TABLE_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/snapshot.h"

#include "base/xid_snapshot.h"

typedef struct TickRow
{
	uint64		epoch;
	uint64		tick;
	TimestampTz at;
	Datum		stored;			/* snapshot, as pg_snapshot */
	XidSnapshot *snapshot;		/* the same; filled by readers */
	XLogRecPtr	lsn;
	XLogRecPtr	safe_lsn;
	int64		changes;		/* rows of the log it has announced */
} TickRow;

/* Is the table there?  It is not while the library is newer than the schema. */
extern bool tick_table_exists(void);

/* The last tick of the greatest epoch; false if there is none. */
extern bool tick_table_find_last(Snapshot snapshot, TickRow *row);

/* The oldest tick of an epoch that is kept. */
extern bool tick_table_find_first(uint64 epoch, Snapshot snapshot, TickRow *row);

extern bool tick_table_find(uint64 epoch, uint64 tick, Snapshot snapshot, TickRow *row);

/* At most max ticks behind one, ascending: a list of TickRow. */
extern List *tick_table_read_after(const TickRow *row, int max, Snapshot snapshot);

extern void tick_table_insert(const TickRow *row);

/* Deletes ticks from before a moment, and all of other epochs, but never the last.  SPI is connected. */
extern void tick_table_trim(TimestampTz before);

/* The board is new: nobody can have followed it yet.  Writes. */
extern void tick_table_note_new_board(Oid board);

/* The board is gone. */
extern void tick_table_forget_board(Oid board);

/*
 * Rows of transactions up to that number are about to be dropped from the log.
 * SPI is connected.
 */
extern void tick_table_note_dropped(uint64 xid);

/* Boards that became new between two snapshots: a list of OIDs. */
extern List *tick_table_find_new_boards(const XidSnapshot *before, const XidSnapshot *after);

/* May a consumer of the board go on from that snapshot? */
extern bool tick_table_reaches_back(Oid board, const XidSnapshot *snapshot);

/* Is all there that became visible since that snapshot, for every board? */
extern bool tick_table_has_all_since(const XidSnapshot *snapshot);

#endif							/* ANDON_MAINTAIN_TICK_TABLE_H */
