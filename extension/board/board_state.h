/*-------------------------------------------------------------------------
 *
 * board_state.h
 *	  What a board has been through that its row in andon.board must tell.
 *
 * Restores: pg_dump keeps a board as what it is made of: a table,
 * a view, triggers, and rows of the extension's tables.  In a full restore the
 * triggers come last and nothing disturbs the data.  In a data-only restore
 * they are there already, in whatever order the tables are loaded:
 *
 *	  ok			--- a dump's row is loaded into andon.board --->	restoring
 *	  restoring		--- the first drain of another change --->			unchecked
 *	  both			--- refresh_board(), repair_board() --->			ok
 *
 * While a board is restoring, the rows that a dump's session inserts are taken
 * as they come: into the board (by its owner), and into its sources, whose
 * changes are not followed, so that rows keep their versions and times.  Every
 * other change is followed as ever, and ends the restore.
 *
 * Triggers that are switched off, or dropped: what was changed meanwhile cannot
 * be told afterwards from the catalogs, so the board is marked when it happens,
 * with the reason, and stays so until it has been computed anew with its triggers
 * in force:
 *
 *	  all but restoring	--- source_ddl.c --->	broken
 *	  broken			--- refresh_board(), repair_board() --->	ok
 *
 * The states are shown by the view andon.boards.  board.c reads them with the
 * rest of a board's row; these functions change them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BOARD_BOARD_STATE_H
#define ANDON_BOARD_BOARD_STATE_H

#include "postgres.h"

typedef enum BoardState
{
	BOARD_OK,
	BOARD_RESTORING,
	BOARD_UNCHECKED,
	BOARD_BROKEN
} BoardState;

/* As in andon.board.state; BOARD_OK for a name from a newer version. */
extern BoardState board_state_parse(const char *name);
extern const char *board_state_name(BoardState state);

/*
 * Is what this session inserts a dump's data?  It is if the session has run the
 * head of pg_dump's script, which every restore does and hardly anyone else.
 */
extern bool board_state_session_restores(void);

/*
 * A source has changed other than by a restore; the whole board has been
 * compared with its definition.  SPI is connected.
 */
extern void board_state_end_restore(Oid board, BoardState state);
extern void board_state_confirm(Oid board, BoardState state);

/* Changes may be missing; nothing if it is marked already.  SPI is connected. */
extern void board_state_mark_broken(Oid board, const char *why);

/*
 * Whoever marks a board as broken waits for the end of this transaction.  To be
 * taken before one looks whether the triggers are in force.
 */
extern void board_state_lock(Oid board);

#endif							/* ANDON_BOARD_BOARD_STATE_H */
