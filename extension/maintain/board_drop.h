/*-------------------------------------------------------------------------
 *
 * board_drop.h
 *	  The end of a board: by andon.drop_board(), or by DROP of what it rests on.
 *
 * board_drop_forget_lost() is called by source_ddl.c after a DROP command:
 *
 *	  the board's table is gone: so is the board; its definition's view is
 *	  dropped too, since nobody else made it
 *	  the view is gone, alone or with a source (CASCADE): the table stays as a
 *	  plain table, with a WARNING; the rows are the owner's to keep or drop
 *
 * Either way no row of the catalog and no trigger is left.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_BOARD_DROP_H
#define ANDON_MAINTAIN_BOARD_DROP_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* behavior: what the DROP command said, for the view that is dropped along. */
extern void board_drop_forget_lost(DropBehavior behavior);

#endif							/* ANDON_MAINTAIN_BOARD_DROP_H */
