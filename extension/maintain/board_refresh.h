/*-------------------------------------------------------------------------
 *
 * board_refresh.h
 *	  A whole board computed anew, in its owner's name and alone on it.
 *
 * Called by create_board() to fill it, by refresh_board() and alter_board().
 * SPI is connected.  The number of rows written is returned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_BOARD_REFRESH_H
#define ANDON_MAINTAIN_BOARD_REFRESH_H

#include "postgres.h"

#include "board/board.h"

/* A board that has just been made and has no rows. */
extern uint64 board_refresh_fill(Oid relid);

/*
 * Makes the triggers that are missing, computes the board anew and takes off the
 * mark of a board that was broken, if nothing stands in the way of changes any
 * more.  board_state_lock() comes first.
 */
extern uint64 board_refresh_mend(const Board *board);

#endif							/* ANDON_MAINTAIN_BOARD_REFRESH_H */
