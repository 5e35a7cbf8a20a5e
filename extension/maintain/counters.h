/*-------------------------------------------------------------------------
 *
 * counters.h
 *	  How many rows of a board are in each status, without counting them.
 *
 * Writers pay nothing: the counters come out of the change log (counters.c
 * tells how).  A board has them if it keeps a log and its status is of a type
 * whose values are the same when their texts are.
 *
 * counters_read() may be called on replicas and under any snapshot; it asks for
 * no privilege.  The others write, with SPI connected.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_COUNTERS_H
#define ANDON_MAINTAIN_COUNTERS_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "board/board.h"

typedef struct StatusCount
{
	char	   *status;			/* NULL: no status */
	int64		n;				/* never 0 */
} StatusCount;

/*
 * What the active snapshot sees: a list of StatusCount in no order.  False if
 * the counters cannot tell; then the board must be counted.
 */
extern bool counters_read(const Board *board, List **counts);

/* What a count of the board says, and what the counters say. */
typedef struct CounterError
{
	char	   *status;			/* NULL: no status */
	int64		expected;
	int64		actual;
} CounterError;

/*
 * The counters against a count, both in the active snapshot: a list of
 * CounterError, NIL if there are no counters.
 */
extern List *counters_verify(const Board *board);

/* Counts the board and starts from there; nothing if it has no counters. */
extern void counters_rebase(const Board *board);

extern void counters_forget(Oid board);

/*
 * Brings the counters of all boards up to date, and makes those that are
 * missing.  Locks them against whoever else makes or folds counters.
 */
extern void counters_fold(void);

/*
 * SQL conditions on andon.change c: its row is in every counter already.  Only
 * in the transaction that has called counters_fold().
 */
extern const char *counters_folded_condition(void);

/* The same transaction has dropped such rows from the log. */
extern void counters_note_retired(void);

#endif							/* ANDON_MAINTAIN_COUNTERS_H */
