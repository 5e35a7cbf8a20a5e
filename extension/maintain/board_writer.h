/*-------------------------------------------------------------------------
 *
 * board_writer.h
 *	  Writes rows of a board.
 *
 * Below SQL (base/row_writer.h): row triggers, constraints and extra indexes of
 * the board work, while statement triggers (the guard) do not fire.  The caller
 * holds the key's lock and has an active snapshot.  Keeps andon_since and
 * andon_version, tells the feed and writes the change log.
 *
 * Opened for one batch of rows and closed before the next: closing fires the
 * board's own row triggers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_BOARD_WRITER_H
#define ANDON_MAINTAIN_BOARD_WRITER_H

#include "postgres.h"

#include "base/row_lookup.h"
#include "maintain/board_plan.h"
#include "storage/itemptr.h"

typedef struct BoardWriter BoardWriter;

/* The board's row as it stands; values[] holds its columns by position. */
typedef struct BoardRow
{
	ItemPointerData tid;
	Datum	   *values;			/* board->ncolumns of them */
	bool	   *nulls;
	TimestampTz since;
	int64		version;
} BoardRow;

/* is_filling: the rows of a new board are no changes. */
extern BoardWriter *board_writer_open(BoardPlan *plan, bool is_filling);

/* Is there the index that lookup goes by?  DDL may have been quicker than we. */
extern bool board_writer_can_find(BoardWriter *writer, const RowLookup *lookup);

/*
 * The board's row of a key, as the snapshot sees it; false if there is none.
 * lookup goes by an index of the board.  The row lives in the writer, until the
 * next call that finds or writes one.
 */
extern bool board_writer_find(BoardWriter *writer, RowLookup *lookup, const Datum *key,
							  Snapshot snapshot, BoardRow *row);

extern void board_writer_insert(BoardWriter *writer, Datum *values, bool *nulls);
extern void board_writer_update(BoardWriter *writer, const BoardRow *before,
								Datum *values, bool *nulls);
extern void board_writer_delete(BoardWriter *writer, const BoardRow *before);

extern void board_writer_close(BoardWriter *writer);

#endif							/* ANDON_MAINTAIN_BOARD_WRITER_H */
