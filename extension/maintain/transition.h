/*-------------------------------------------------------------------------
 *
 * transition.h
 *	  Allowed changes of status: looked at whenever a row of a board is written.
 *
 * What is checked is what the board shows: from the row as it was before the
 * statement to the row as it is after it, whatever wrote the sources and however
 * often on the way; with maintenance at commit, the whole transaction is one
 * step.  Called by board_writer.c, which every change of a board goes through.
 * The rows that fill a new board, and what refresh_board() and repair_board()
 * mend, are not checked: the board must be able to show what is so.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_TRANSITION_H
#define ANDON_MAINTAIN_TRANSITION_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "board/board.h"

/*
 * The rule in force now, for who holds the board lock; NIL: everything is
 * allowed.  The list lives to the end of the transaction.
 */
extern List *transition_find_rule(const Board *board);

/*
 * ERROR 23514 unless the rule allows it.  A status is NULL where the row is not
 * on the board, or has none.  key: as JSON.
 */
extern void transition_check(const Board *board, List *rule, const char *key,
							 const char *from, const char *to);

#endif							/* ANDON_MAINTAIN_TRANSITION_H */
