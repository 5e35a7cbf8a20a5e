/*-------------------------------------------------------------------------
 *
 * pushdown.h
 *	  Does a condition on the key reach the sources of a definition?
 *
 * Called once, by create_board.  A refresh asks the definition for one key; if
 * the planner cannot move that condition down to a source, each change of a row
 * costs as much as the source is large.  The board is right all the same.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_PUSHDOWN_H
#define ANDON_MAINTAIN_PUSHDOWN_H

#include "postgres.h"

#include "maintain/board_plan.h"

/* WARNING if a refresh of one key reads sources as a whole.  Within SPI. */
extern void pushdown_warn(BoardPlan *plan);

#endif							/* ANDON_MAINTAIN_PUSHDOWN_H */
