/*-------------------------------------------------------------------------
 *
 * board_order.h
 *	  The order of a board's rows: order_by, then what it lacks of the key.
 *
 * order_by is what may stand behind ORDER BY, with plain columns only; it is
 * kept as text and read again here.  A BoardOrder is total: no two rows of a
 * board are equal in it.  The index (status, order, key) answers it for the
 * rows of one status; a status that is named in order_by has its place in the
 * BoardOrder, but is the first column of the index all the same.
 *
 * Called by create_board for the syntax, by page() and claim() for the rest.
 * Memory is the current context's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BOARD_BOARD_ORDER_H
#define ANDON_BOARD_BOARD_ORDER_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

#include "board/board.h"

typedef struct BoardOrderItem
{
	AttrNumber	attno;			/* of the board */
	bool		descending;
	bool		nulls_first;
	Oid			type;			/* domains resolved */
	Oid			collation;
	Oid			before_op;		/* type op type: the left one comes first */
	Oid			after_op;
	Oid			equal_op;
} BoardOrderItem;

typedef struct BoardOrder
{
	int			n;
	BoardOrderItem *items;
} BoardOrder;

/* The raw SortBy nodes of the text; ERROR 22023 if it is no list of columns. */
extern List *board_order_parse(const char *order_by);

extern BoardOrder *board_order_create(const Board *board);

/*
 * What stands behind ORDER BY for the rows of one status, each column with the
 * prefix: the columns of the index, in its order.
 */
extern void board_order_append_sort(StringInfo buf, const Board *board,
									const BoardOrder *order, const char *prefix);

#endif							/* ANDON_BOARD_BOARD_ORDER_H */
