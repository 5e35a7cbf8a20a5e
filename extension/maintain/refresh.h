/*-------------------------------------------------------------------------
 *
 * refresh.h
 *	  Recomputes rows of a board and applies the difference.
 *
 * Called with the owner's scope entered, SPI connected and the locks held:
 * drain.c for single keys, drain.c, create_board and refresh_board for the
 * whole.  A row that is already right is not written.  Raises 21000 if the
 * definition gives two rows for a key, 40001 if the transaction's snapshot and
 * the newest state differ in what was read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_REFRESH_H
#define ANDON_MAINTAIN_REFRESH_H

#include "postgres.h"

#include "base/values.h"
#include "maintain/board_plan.h"

/* All return the number of rows written. */
extern uint64 refresh_keys(BoardPlan *plan, const ValueSet *keys);
extern uint64 refresh_whole(BoardPlan *plan);

/* The first rows of a new board: neither announced nor logged. */
extern uint64 refresh_fill(BoardPlan *plan);

#endif							/* ANDON_MAINTAIN_REFRESH_H */
