/*-------------------------------------------------------------------------
 *
 * board_table.h
 *	  The relations of a board: definition view, table, indexes.
 *
 * All made and dropped by ordinary DDL as the current user, who owns them.
 * SPI is connected.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BOARD_BOARD_TABLE_H
#define ANDON_BOARD_BOARD_TABLE_H

#include "postgres.h"

#include "board/board.h"
#include "board/board_request.h"

/* The view NAME_definition. */
extern Oid	board_table_create_view(const BoardRequest *request);

/* The table, empty and without indexes. */
extern Oid	board_table_create(const BoardRequest *request);

/* The indexes, after the table has been filled. */
extern void board_table_create_indexes(const BoardRequest *request);

/* Drops table and view, as far as they are there. */
extern void board_table_drop(const Board *board);

#endif							/* ANDON_BOARD_BOARD_TABLE_H */
