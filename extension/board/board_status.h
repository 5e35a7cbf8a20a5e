/*-------------------------------------------------------------------------
 *
 * board_status.h
 *	  A status that comes in as text, for a board.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BOARD_BOARD_STATUS_H
#define ANDON_BOARD_BOARD_STATUS_H

#include "postgres.h"

#include "board/board.h"

/*
 * As the type of the board's status writes it, without the blanks that char(n)
 * adds; ERROR of the type's own if it is none.  In the current context.
 */
extern char *board_status_normalize(const Board *board, const char *status);

/* The type, domains resolved. */
extern Oid	board_status_type(const Board *board);

#endif							/* ANDON_BOARD_BOARD_STATUS_H */
