/*-------------------------------------------------------------------------
 *
 * board_transition.h
 *	  The changes of status that a board allows, as its catalog row has them.
 *
 * Each is a text: "NEW>PAID" a step from one status to another, ">NEW" a way in,
 * "SENT>" a way out.  Blanks around a name do not count.  Statuses are kept as
 * their type's text, which is what they are compared by.  Memory is the current
 * context's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BOARD_BOARD_TRANSITION_H
#define ANDON_BOARD_BOARD_TRANSITION_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/array.h"

typedef struct BoardTransition
{
	char	   *from;			/* NULL: not on the board, or no status */
	char	   *to;				/* the same; never both */
} BoardTransition;

/* A list of BoardTransition; ERROR 22023 or 22004 for what is none. */
extern List *board_transition_parse(ArrayType *texts);

/* The other way round, without blanks. */
extern ArrayType *board_transition_format(List *transitions);

#endif							/* ANDON_BOARD_BOARD_TRANSITION_H */
