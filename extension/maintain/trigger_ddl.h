/*-------------------------------------------------------------------------
 *
 * trigger_ddl.h
 *	  The triggers on sources: made with the first board, gone with the last.
 *
 * One set per table, shared by all boards, with fixed names; which boards a
 * change concerns is looked up when it happens (capture.c).  Partitions get row
 * triggers from their root, as PostgreSQL's own clones, and statement triggers
 * of their own, for statements that name them; inheritance children get a set
 * of their own.
 *
 * They fire as triggers do by default.  Where a board asks for it they are
 * ENABLE ALWAYS: for logical replication and session_replication_role = replica.
 *
 * Callers: create_board and drop_board (board_create.c, board_drop.c),
 * refresh_board for what is missing, source_ddl.c for what DDL has changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_TRIGGER_DDL_H
#define ANDON_MAINTAIN_TRIGGER_DDL_H

#include "postgres.h"

#include "board/board.h"

#define TRIGGER_CAPTURE		"andon_capture"
#define TRIGGER_DRAIN		"andon_drain"
#define TRIGGER_TRUNCATE	"andon_truncate"
#define TRIGGER_GUARD		"andon_guard"

/* Attaches what is missing, as the current user; the source is locked. */
extern void trigger_ddl_attach(Oid source);

/*
 * The same for a table that has become a part of a source, with its parts.  In
 * the name of their owners: the boards were there before.
 */
extern void trigger_ddl_attach_part(Oid part);

/* Removes what no board needs any more; no privilege is asked for. */
extern void trigger_ddl_detach(Oid source);

/* Triggers fire always, or no longer always, as the boards there are want it. */
extern void trigger_ddl_match_firing(Oid source);

/*
 * Makes room for the clones of a root's triggers on a table that is about to
 * become its partition: PostgreSQL would stumble over triggers of the same name.
 */
extern void trigger_ddl_clear_part(Oid part);

/*
 * Locks tables and their parts against writers, to the end of the transaction:
 * those who have begun have ended.  The list is in the order of all who do so.
 */
extern void trigger_ddl_wait_for_writers(const List *sources);

/* The guard on the board itself; and its end, if the table is to be a plain one. */
extern void trigger_ddl_guard(Oid board);
extern void trigger_ddl_unguard(Oid board);

/*
 * What keeps changes of relid or of its parts from reaching the board: one
 * sentence without a full stop, or NULL.  missing_too: also triggers that are
 * not there at all.
 */
extern char *trigger_ddl_find_trouble(const Board *board, Oid relid, bool missing_too);

/*
 * The way back for a board that is marked as broken, in two steps with the
 * board's recomputation between them; board_state_lock() comes first.  Attaches
 * what the sources lack, if the board's owner may; what is in the way of changes
 * after that, or NULL.  Then the mark is taken off, or the trouble is told.
 */
extern char *trigger_ddl_mend(const Board *board);
extern void trigger_ddl_report_mended(const Board *board, const char *trouble);

/* Is it one of the names above that sources have? */
extern bool trigger_ddl_is_ours(const char *name);

/*
 * Is the DDL that runs now one of the commands above?  Half of the triggers that
 * it is about may not be as they should yet.
 */
extern bool trigger_ddl_is_working(void);

#endif							/* ANDON_MAINTAIN_TRIGGER_DDL_H */
